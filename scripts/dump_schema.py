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
from importlib.resources import files
from pathlib import Path

from agentos import MigrationSet, Settings, open_kernel
from agentos.database.embedded import EmbeddedPostgres, find_binaries
from agentos.database.migrations import KERNEL
from agentos.settings import default_plugins

_NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)?$")


def dump_schema(database_url: str, schema: str) -> str:
    """The definition of one schema in pg_dump's order, without comments and settings."""
    dumped = subprocess.run(
        [
            find_binaries() / "pg_dump",
            "--schema-only",
            "--no-owner",
            "--no-privileges",
            f"--schema={schema}",
            f"--dbname={database_url}",
        ],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    )
    return "\n".join(line for line in dumped.stdout.splitlines() if not _NOISE.match(line)) + "\n"


def schema_file(migration_set: MigrationSet) -> Path:
    """Where the checked-in definition of a schema is."""
    return Path(str(files(migration_set.package))) / "sql" / "schema.sql"


async def main() -> None:
    """Migrate an empty database and write every file."""
    with tempfile.TemporaryDirectory(prefix="agentos-schema-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        settings = Settings(home=Path(folder), plugins=default_plugins())
        async with open_kernel(settings) as kernel:
            dsn = EmbeddedPostgres(Path(folder) / "postgres").dsn
            for migration_set in (KERNEL, *kernel.migrations):
                path = schema_file(migration_set)
                text = await asyncio.to_thread(dump_schema, dsn, migration_set.schema)
                path.write_text(text, encoding="utf-8")
                print(path)


if __name__ == "__main__":
    asyncio.run(main())
