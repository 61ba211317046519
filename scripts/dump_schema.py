"""Writes what migrations make of an empty database to `sql/schema.sql` of every package.

Usage: python scripts/dump_schema.py. Review the difference together with the migration; a test
compares the files with a freshly migrated database.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from agentos import MigrationSet, Settings, open_kernel
from agentos.database.embedded import EmbeddedPostgres, find_binaries
from agentos.database.migrations import KERNEL
from agentos.plugins import default_plugins

_NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)?$")


def dump_schema(database_url: str, schema: str) -> str:
    """The definition of one schema in pg_dump's order, without comments and settings."""
    dumped = _dump(database_url, "--schema-only", f"--schema={schema}")
    return "\n".join(line for line in dumped.splitlines() if not _NOISE.match(line)) + "\n"


def dump_data(database_url: str, tables: Sequence[str]) -> str:
    """Everything that some tables hold, as text."""
    return _dump(database_url, "--data-only", *(f"--table={table}" for table in tables))


def _dump(database_url: str, *options: str) -> str:
    program = find_binaries() / "pg_dump"
    return subprocess.run(
        [program, "--no-owner", "--no-privileges", *options, f"--dbname={database_url}"],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    ).stdout


def schema_file(migration_set: MigrationSet) -> Path:
    """Where the checked-in definition of a schema is."""
    return Path(str(files(migration_set.package))) / "sql" / "schema.sql"


async def write_schemas(home: Path) -> None:
    """Migrate the empty database of a data folder and write every file."""
    settings = Settings(home=home, plugins=default_plugins())
    async with open_kernel(settings) as kernel:
        dsn = EmbeddedPostgres(home / "postgres").dsn
        for migration_set in (KERNEL, *kernel.migrations):
            path = schema_file(migration_set)
            text = await asyncio.to_thread(dump_schema, dsn, migration_set.schema)
            path.write_text(text, encoding="utf-8")
            print(path)


def main() -> None:
    """Write the files from a cluster that is gone afterwards."""
    # Not below TMPDIR, which may be closed to the account that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="agentos-schema-", dir="/tmp") as folder:
        home = Path(folder)
        home.chmod(0o711)
        asyncio.run(write_schemas(home))


if __name__ == "__main__":
    main()
