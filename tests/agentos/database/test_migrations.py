"""Forward migrations: reproducible, exclusive, and never silently different."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentos import ConfigurationError, Database, MigrationSet, Settings, open_kernel
from agentos.database.migrations import KERNEL, load_migrations, migrate, pending_migrations
from agentos.plugins import default_plugins
from scripts.dump_schema import dump_schema, schema_file
from tests.agentos.notes import MIGRATIONS, notes_plugin

pytestmark = pytest.mark.anyio

FIRST = "create table thing.thing (id int primary key);"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=4)
    await database.open()
    yield database
    await database.close()


def package(folder: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> MigrationSet:
    """An importable package with these migrations, for the schema `thing`."""
    root = folder / "thing_package"
    (root / "migrations").mkdir(parents=True, exist_ok=True)
    (root / "__init__.py").touch()
    for name, sql in files.items():
        (root / "migrations" / name).write_text(sql)
    monkeypatch.syspath_prepend(str(folder))
    sys.modules.pop("thing_package", None)
    return MigrationSet("thing", "thing_package")


async def test_an_empty_database_with_all_migrations_equals_the_checked_in_schemas(
    database_url: str, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, database_url=database_url, plugins=default_plugins())
    async with open_kernel(settings) as kernel:
        sets = [KERNEL, *kernel.migrations]
    for migration_set in sets:
        dumped = await asyncio.to_thread(dump_schema, database_url, migration_set.schema)
        checked_in = schema_file(migration_set).read_text(encoding="utf-8")
        assert dumped == checked_in, (
            f"{migration_set.schema}: run `python scripts/dump_schema.py` and check the difference"
        )


async def test_migrating_again_applies_nothing(database: Database) -> None:
    applied = await migrate(database, [MIGRATIONS])
    assert applied[0] == "kernel/0001_create_event_store.sql"
    assert applied[-1] == "notes/0001_create_note.sql"
    assert await migrate(database, [MIGRATIONS]) == []
    assert await pending_migrations(database, [MIGRATIONS]) == []


async def test_kernels_that_start_at_once_on_an_empty_database_all_start(
    database_url: str, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, database_url=database_url, plugins=())

    async def start() -> list[str]:
        async with open_kernel(settings, extra_plugins={"notes": notes_plugin()}) as kernel:
            return await kernel.is_ready()

    assert await asyncio.gather(*(start() for _ in range(4))) == [[]] * 4


async def test_a_migration_that_changed_after_it_was_applied_stops_the_start(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = package(tmp_path, {"0001_create_thing.sql": FIRST}, monkeypatch)
    await migrate(database, [things])
    package(tmp_path, {"0001_create_thing.sql": FIRST + " -- better"}, monkeypatch)
    with pytest.raises(ConfigurationError, match=r"thing/0001_create_thing\.sql was changed after"):
        await migrate(database, [things])


async def test_a_migration_that_fails_leaves_the_database_as_it_was_and_is_named(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "0001_create_thing.sql": FIRST,
        "0002_break_thing.sql": "alter table thing.no add x int",
    }
    things = package(tmp_path, files, monkeypatch)
    with pytest.raises(ConfigurationError) as refused:
        await migrate(database, [things])
    assert re.match(r"migration thing/0002_break_thing\.sql: .*does not exist$", str(refused.value))
    assert await database.fetch_value("select to_regnamespace('thing')") is None
    assert await database.fetch_value("select to_regnamespace('kernel')") is None


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"0001_a.sql": FIRST, "0003_c.sql": ""}, "migrations of thing are not numbered 1 to 2"),
        ({"0002_b.sql": FIRST}, "migrations of thing are not numbered 1 to 1"),
        ({"0001_a.sql": FIRST, "0001_b.sql": ""}, "migrations of thing are not numbered 1 to 2"),
        (
            {"0001-a.sql": FIRST},
            "migration thing/0001-a.sql: the name must be NNNN_verb_object.sql",
        ),
        ({}, "thing_package has no migrations/NNNN_*.sql"),
    ],
)
async def test_gaps_duplicates_and_bad_names_are_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], line: str
) -> None:
    things = package(tmp_path, files, monkeypatch)
    with pytest.raises(ConfigurationError) as refused:
        load_migrations(things)
    assert str(refused.value) == line


async def test_a_schema_name_that_needs_quoting_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="invalid schema name"):
        load_migrations(MigrationSet('x"; drop schema kernel; --', "tests.agentos.notes"))
