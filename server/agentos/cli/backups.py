"""Backups by PostgreSQL's own programs, from the installation that the embedded server uses.

Above: `db backup` and `db restore`. Below: pg_dump, pg_restore, psql.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from agentos.cli.condition import without_password
from agentos.database.embedded import find_binaries
from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import ConfigurationError, InvalidStateError, UnavailableError

_condition = Queries("agentos", "sql/condition.sql")
_restore = Queries("agentos", "sql/restore.sql")


def backup_database(dsn: str, file: Path) -> int:
    """Dump the database to `file`, which only its owner may read; its size in bytes.

    An earlier file stays until the new one is complete.
    """
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _run("pg_dump", ["--format=custom", "--no-owner", "--no-acl", f"--file={part}"], dsn)
        size_bytes = part.stat().st_size
        part.replace(file)
    except OSError as error:
        raise ConfigurationError(f"cannot write {file}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return size_bytes


async def restore_database(database: Database, file: Path, *, replace: bool) -> None:
    """Put a backup in place of what the database holds, all of it or nothing.

    Raises InvalidStateError where it holds events and `replace` does not say to delete them.
    """
    if not replace and await database.fetch_value(_condition.find_log) is not None:
        n_events = await database.fetch_value(_condition.count_events)
        if n_events:
            raise InvalidStateError(
                f"the database holds {n_events} events",
                remedy="back them up, then restore with --replace",
            )
    await asyncio.to_thread(_restore_file, database.dsn, file)


def _restore_file(dsn: str, file: Path) -> None:
    if not file.is_file():
        raise ConfigurationError(f"the backup {file} does not exist")
    with tempfile.TemporaryDirectory(prefix="agentos-restore-") as folder:
        drop, script = Path(folder, "drop.sql"), Path(folder, "restore.sql")
        drop.write_text(_restore.drop_schemas + ";\n")
        # Complete before the first statement runs: a damaged backup must not be half restored.
        options = ["--no-owner", "--no-acl", "--no-comments", f"--file={script}", str(file)]
        _run("pg_restore", options, None)
        _run(
            "psql",
            [
                "--no-psqlrc",
                "--quiet",
                "--output=/dev/null",
                "--single-transaction",
                "--set=ON_ERROR_STOP=1",
                f"--file={drop}",
                f"--file={script}",
            ],
            dsn,
        )


def _run(program: str, options: Sequence[str], dsn: str | None) -> None:
    path = find_binaries() / program
    if not path.exists():
        raise ConfigurationError(
            f"{path} does not exist; install PostgreSQL's client programs beside the server's"
        )
    command = [str(path), *options]
    environment = dict(os.environ)
    if dsn is not None:
        command.append(f"--dbname={without_password(dsn)}")
        # Command lines are readable by every user of the machine; environments are not.
        password = urlsplit(dsn).password
        if password is not None:
            environment["PGPASSWORD"] = unquote(password)
    answer = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
    )
    if answer.returncode != 0:
        said = answer.stderr.strip().splitlines()[-3:]
        raise UnavailableError(f"{program} failed: {' | '.join(said) or answer.returncode}")
