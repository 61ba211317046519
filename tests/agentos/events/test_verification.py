"""Issue 2: verification names the first event where any field was changed or a row is missing."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest
import rfc8785

from agentos import AuditReport, Kernel, NewEvent, verify_events
from tests.agentos.plugin_factory import new_event

pytestmark = pytest.mark.anyio

COLUMNS = {
    "position": ["position + 1000", "-position"],
    "stream": ["stream || 'x'", "'b'"],
    "seq": ["seq + 10"],
    "type": ["type || 'x'"],
    "actor": ["'mallory'"],
    "at": ["at + interval '1 microsecond'", "'infinity'", "'-infinity'", "'0044-03-15 BC'"],
    "data": [
        "data || '{\"n\": -1}'",
        "data - 'n'",
        "jsonb_set(data, '{big}', '10000000000000000.0000000000000000001')",
        "'{\"n\": 1e400}'",
        "'{\"n\": 36893488147419103233}'",
        "'[]'",
        "'\"text\"'",
        "'null'",
    ],
    "prev_hash": ["repeat('1', 64)"],
    "hash": ["repeat('2', 64)"],
}
CHANGE = "update kernel.event set column = expression where position = $1"
EVENTS = "select position, stream, seq from kernel.event where stream = 'a' order by position"
TABLE_COLUMNS = """
select column_name from information_schema.columns
 where table_schema = 'kernel' and table_name = 'event'
"""


async def write_log(kernel: Kernel) -> list[tuple[int, str, int]]:
    """Seven events in stream `a` between others; their positions, streams and numbers."""
    for number in range(7):
        await kernel.writer.submit(new_event("a", f"a{number}", ratio=number / 3, big=1e16))
        await kernel.writer.submit(new_event(f"other{number % 2}", "é\U0001f600"))
    return [(r["position"], r["stream"], r["seq"]) for r in await kernel.database.fetch(EVENTS)]


async def tamper(kernel: Kernel, statement: str, *args: object) -> AuditReport:
    async with kernel.database.connection() as connection:
        assert await connection.execute(statement, *args) not in ("UPDATE 0", "DELETE 0")
    return await verify_events(kernel.database)


async def test_an_untouched_log_verifies_whole_and_stream_by_stream(kernel: Kernel) -> None:
    await write_log(kernel)
    assert await verify_events(kernel.database) == AuditReport(True, 14)
    assert await verify_events(kernel.database, "a") == AuditReport(True, 7)
    assert await verify_events(kernel.database, "unknown") == AuditReport(True, 0)


async def test_every_column_of_the_real_table_is_tampered_with_below(kernel: Kernel) -> None:
    rows = await kernel.database.fetch(TABLE_COLUMNS)
    assert {row["column_name"] for row in rows} == COLUMNS.keys()


@pytest.mark.parametrize("which", [0, 3, 6], ids=["first", "middle", "last"])
async def test_a_changed_value_in_any_column_of_any_row_is_found_at_that_row(
    kernel: Kernel, which: int
) -> None:
    log = await write_log(kernel)
    position, stream, seq = log[which]
    for column, expressions in COLUMNS.items():
        for expression in expressions:
            async with kernel.database.connection() as connection:
                # Whoever tampers with the table also removes its constraints.
                transaction = connection.transaction()
                await transaction.start()
                await connection.execute(
                    "alter table kernel.event drop constraint event_stream_seq_key"
                )
                await connection.execute(
                    CHANGE.replace("expression", expression).replace("column", column),
                    position,
                )
                report = await verify_inside(kernel, connection)
                await transaction.rollback()
            assert not report.ok, expression
            assert report.first_bad is not None
            bad = report.first_bad
            if column == "position":
                assert (bad.stream, bad.seq) in ((stream, seq), (stream, 1)), expression
            elif column == "stream":
                assert bad.position == position, expression
            else:
                assert bad.position == position, expression
                assert bad.stream == stream


async def verify_inside(kernel: Kernel, connection: object) -> AuditReport:
    """Verify what an uncommitted transaction sees."""

    class Inside:
        def connection(self) -> object:
            return self

        async def __aenter__(self) -> object:
            return Nested(connection)

        async def __aexit__(self, *error: object) -> None:
            return None

    return await verify_events(Inside())  # type: ignore[arg-type]


class Nested:
    """The connection, whose nested transaction keeps the outer one's isolation."""

    def __init__(self, connection: object) -> None:
        self._connection = connection

    def transaction(self, **options: object) -> object:
        return self._connection.transaction()  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


@pytest.mark.parametrize(("which", "missing"), [(0, 1), (3, 4), (6, 7)])
async def test_a_deleted_row_is_named_by_its_number_in_the_stream(
    kernel: Kernel, which: int, missing: int
) -> None:
    log = await write_log(kernel)
    report = await tamper(kernel, "delete from kernel.event where position = $1", log[which][0])
    assert report.first_bad is not None
    assert (report.first_bad.stream, report.first_bad.seq) == ("a", missing)
    assert not (await verify_events(kernel.database, "a")).ok
    assert (await verify_events(kernel.database, "other0")).ok


async def test_a_deleted_stream_is_found_by_the_head_that_remains(kernel: Kernel) -> None:
    await write_log(kernel)
    report = await tamper(kernel, "delete from kernel.event where stream = 'a'")
    assert report.first_bad is not None
    assert (report.first_bad.stream, report.first_bad.seq) == ("a", 1)


@pytest.mark.parametrize(
    "statement",
    [
        "update kernel.stream set seq = seq - 1 where stream = 'a'",
        "update kernel.stream set seq = seq + 1 where stream = 'a'",
        "update kernel.stream set hash = repeat('3', 64) where stream = 'a'",
        "delete from kernel.stream where stream = 'a'",
        "update kernel.stream set stream = 'z' where stream = 'a'",
        "insert into kernel.stream values ('a0', 3, repeat('3', 64))",
    ],
)
async def test_a_tampered_head_is_found_and_its_stream_named(
    kernel: Kernel, statement: str
) -> None:
    await write_log(kernel)
    report = await tamper(kernel, statement)
    assert report.first_bad is not None
    assert report.first_bad.stream in ("a", "a0")


async def test_swapped_contents_are_found_at_the_first_of_the_two(kernel: Kernel) -> None:
    log = await write_log(kernel)
    report = await tamper(
        kernel,
        """
        update kernel.event e set data = o.data, hash = o.hash, actor = o.actor
          from kernel.event o
         where (e.position, o.position) in (($1, $2), ($2, $1))
        """,
        log[2][0],
        log[4][0],
    )
    assert report.first_bad is not None
    assert report.first_bad.position == log[2][0]


async def test_a_forged_row_with_a_right_hash_of_its_own_breaks_the_chain(kernel: Kernel) -> None:
    log = await write_log(kernel)
    row = await kernel.database.fetch_row(
        "select * from kernel.event where position = $1", log[3][0]
    )
    assert row is not None
    forged = {**dict(row), "actor": "mallory"}
    report = await tamper(
        kernel,
        "update kernel.event set actor = 'mallory', hash = $2 where position = $1",
        log[3][0],
        independent_hash(forged),
    )
    assert report.first_bad is not None
    assert report.first_bad.position == log[4][0], "the next event does not follow the forged one"


async def test_the_hash_is_what_anyone_can_recompute_from_the_row(kernel: Kernel) -> None:
    at = datetime(2026, 3, 1, 9, 30, 0, 7, tzinfo=UTC)
    data = {
        "z": [1, 1.5, -0.0, 1e21, 1e-7, True, None],
        "a": {"é": "\u2028\U0001f600"},
        "big": 1e16,
    }
    await kernel.writer.submit(NewEvent("s", "noted", "ann", at, data))
    await kernel.writer.submit(NewEvent("s", "noted", "ann", at, {}))
    rows = await kernel.database.fetch("select * from kernel.event order by position")
    assert [row["hash"] for row in rows] == [independent_hash(dict(row)) for row in rows]
    assert rows[0]["prev_hash"] == "0" * 64
    assert rows[1]["prev_hash"] == rows[0]["hash"]
    assert (await verify_events(kernel.database)).ok


def independent_hash(row: dict[str, object]) -> str:
    """SHA-256 over RFC 8785, with every number a double, as the RFC says."""
    at = row["at"]
    assert isinstance(at, datetime)
    fields = {
        name: row[name] for name in ("position", "stream", "seq", "type", "actor", "prev_hash")
    }
    fields["at"] = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    fields["data"] = json.loads(json.dumps(row["data"]), parse_int=float)
    return hashlib.sha256(rfc8785.dumps(fields)).hexdigest()  # type: ignore[arg-type]
