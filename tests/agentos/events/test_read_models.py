"""DESIGN section 3: read models are rebuilt from the events and compare equal."""

from __future__ import annotations

import asyncio

import pytest

from agentos import ConfigurationError, Kernel, ReadModel
from agentos.events.rebuild import TableDifference, check_read_models, rebuild_read_models
from tests.agentos.plugin_factory import call_tool

pytestmark = pytest.mark.anyio

NOTES = "select call, text, at from notes.note order by call"


async def write_notes(kernel: Kernel) -> None:
    for text in ("to be", "or not", "to be"):
        assert not (await call_tool(kernel, "take_note", {"text": text})).is_error


async def test_live_tables_equal_their_rebuild_and_checking_changes_nothing(kernel: Kernel) -> None:
    await write_notes(kernel)
    before = await kernel.database.fetch(NOTES)
    report = await check_read_models(kernel.database, kernel.events, kernel.read_models)
    assert (report.ok, report.events, report.tables) == (True, 9, 2)
    assert await kernel.database.fetch(NOTES) == before
    schemas = "select count(*) from pg_namespace where nspname like '%rebuild'"
    assert await kernel.database.fetch_value(schemas) == 0


@pytest.mark.parametrize(
    ("statement", "difference"),
    [
        ("update notes.note set text = 'x' where text = 'or not'", ("notes.note", 1, 1)),
        ("delete from notes.note where text = 'to be'", ("notes.note", 0, 2)),
        ("insert into notes.note values ('forged', 'x', now())", ("notes.note", 1, 0)),
        ("update notes.word_count set n = n + 1 where word = 'be'", ("notes.word_count", 1, 1)),
        ("truncate notes.word_count", ("notes.word_count", 0, 4)),
    ],
)
async def test_a_tampered_table_is_named_and_repaired(
    kernel: Kernel, statement: str, difference: tuple[str, int, int]
) -> None:
    await write_notes(kernel)
    before = await kernel.database.fetch(NOTES)
    async with kernel.database.connection() as connection:
        await connection.execute(statement)
    expected = (TableDifference(*difference),)
    arguments = (kernel.database, kernel.events, kernel.read_models)
    assert (await check_read_models(*arguments)).differences == expected
    assert (await rebuild_read_models(*arguments)).differences == expected
    assert (await check_read_models(*arguments)).ok
    assert await kernel.database.fetch(NOTES) == before


async def test_a_rebuild_during_load_loses_nothing(kernel: Kernel) -> None:
    arguments = (kernel.database, kernel.events, kernel.read_models)
    await write_notes(kernel)

    async def write() -> None:
        results = [await call_tool(kernel, "take_note", {"text": "more words"}) for _ in range(10)]
        assert not any(result.is_error for result in results)

    await asyncio.gather(write(), write(), rebuild_read_models(*arguments))
    assert (await check_read_models(*arguments)).ok
    assert await kernel.database.fetch_value("select count(*) from notes.note") == 23


async def test_a_read_model_without_a_table_is_one_clear_line(kernel: Kernel) -> None:
    for work in (check_read_models, rebuild_read_models):
        with pytest.raises(ConfigurationError, match=r"^read model notes\.nothing does not exist$"):
            await work(kernel.database, kernel.events, [ReadModel("notes", ("nothing",))])
