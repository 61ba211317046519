"""`agentos db`: the embedded server left running on purpose, migrations, backups."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from agentos.cli.condition import without_password
from agentos.testing.databases import TestDatabases
from tests.agentos.cli.conftest import RunAgentos


@pytest.fixture
def embedded_home() -> Iterator[Path]:
    # Not below pytest's own folder, which the server's account may not enter.
    home = Path(tempfile.mkdtemp(prefix="agentos-cli-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home, ignore_errors=True)


async def _ask(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def test_the_url_of_the_embedded_server_works_after_the_command_has_ended(
    agentos_process: RunAgentos, embedded_home: Path
) -> None:
    variables = {"AGENTOS_HOME": str(embedded_home)}
    assert agentos_process("db", "status", "--json", **variables).json()["running"] is False
    try:
        url = agentos_process("db", "url", **variables).out.strip()

        assert asyncio.run(_ask(url, "select 40 + 2")) == 42
        assert agentos_process("audit", "verify", **variables).code == 0
        assert asyncio.run(_ask(url, "select 40 + 2")) == 42
        assert agentos_process("db", "status", "--json", **variables).json()["running"] is True
    finally:
        stopped = agentos_process("db", "stop", **variables)
    assert stopped.out == "stopped\n"
    assert agentos_process("db", "status", "--json", **variables).json()["running"] is False


def test_migrations_are_applied_once(agentos: RunAgentos, databases: TestDatabases) -> None:
    new = {"AGENTOS_DATABASE_URL": asyncio.run(databases.create_empty())}
    pending = agentos("db", "status", "--json", **new).json()["pending"]
    applied = agentos("db", "migrate", "--json", **new).json()["applied"]

    assert pending == applied != []
    assert agentos("db", "migrate", "--json", **new).json()["applied"] == []
    assert agentos("db", "status", "--json", **new).json()["pending"] == []
    asyncio.run(databases.drop(new["AGENTOS_DATABASE_URL"]))


def test_a_backup_comes_back_and_verifies(
    agentos: RunAgentos, database_url: str, tmp_path: Path
) -> None:
    agentos("call", "say", "text=kept")
    backed_up = agentos("db", "backup", "b.dump", "--json")
    agentos("call", "say", "text=lost")
    refused = agentos("db", "restore", "b.dump")
    restored = agentos("db", "restore", "b.dump", "--replace", "--json")

    assert backed_up.json()["size_bytes"] == (tmp_path / "b.dump").stat().st_size > 1000
    assert (tmp_path / "b.dump").stat().st_mode & 0o777 == 0o600
    assert refused.code == 1
    assert "the database holds 4 events" in refused.err
    assert (restored.code, restored.json()["events"]) == (0, 2)
    assert agentos("call", "say", "text=on it goes").code == 0
    assert agentos("audit", "verify", "--json").json()["events"] == 4


def test_a_damaged_backup_changes_nothing(agentos: RunAgentos, tmp_path: Path) -> None:
    agentos("call", "say", "text=kept")
    agentos("db", "backup", "b.dump")
    whole = (tmp_path / "b.dump").read_bytes()
    (tmp_path / "b.dump").write_bytes(whole[: len(whole) // 2])

    answer = agentos("db", "restore", "b.dump", "--replace")

    assert answer.code == 1
    assert len(answer.err.splitlines()) == 1
    assert agentos("audit", "verify", "--json").json()["events"] == 2


def test_passwords_are_not_shown() -> None:
    assert without_password("postgresql://me:secret@host:5/db?x=1") == (
        "postgresql://me@host:5/db?x=1"
    )
    assert without_password("postgresql://host/db") == "postgresql://host/db"
