"""Issue 3, audit: any field of any kind of event, changed in the real table, is found where it is.

As whoever may do anything in the database would do it: once crudely, once with every hash of the
stream and its head computed anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from agentos import Settings
from tests.agentos.events.tampering import execute, rewrite
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_governance.replay.test_replay import live_a_little

pytestmark = pytest.mark.anyio

COLUMNS = {
    "position": "position + 100000",
    "stream": "stream || 'x'",
    "seq": "seq + 1000",
    "type": "type || 'x'",
    "actor": "actor || 'x'",
    "at": "at + interval '1 microsecond'",
    "prev_hash": "repeat('1', 64)",
    "hash": "repeat('2', 64)",
}
CHANGE = "update kernel.event set column = expression where position = $1"
CHANGE_DATA = "update kernel.event set data = data || jsonb_build_object($2::text, $3::jsonb)"
TAKE_OUT = "update kernel.event set data = data - $2::text where position = $1"
RESTORE = """
update kernel.event
   set position = $2, stream = $3, seq = $4, type = $5, actor = $6, at = $7, data = $8,
       prev_hash = $9, hash = $10
 where position = $1
"""


@pytest.fixture
async def office(settings: Settings) -> AsyncIterator[Office]:
    async with open_office(settings) as office:
        for last_words in ("cancel", "stand down", "live"):
            order = await office.create()
            if last_words == "cancel":
                await office.call(
                    "planner", "cancel_work_order", work_order=order, reason="not needed"
                )
            elif last_words == "stand down":
                await office.claim("w1", order)
                await office.call("w1", "stand_down", work_order=order, reason="too tired")
                await office.claim("w2", order)
                await office.expire()
            else:
                await live_a_little(office, order)
        await office.kernel.heads.sign("test")
        office.kernel.heads.pause()
        yield office


async def one_of_each_kind(office: Office) -> list[dict[str, Any]]:
    kinds: dict[str, dict[str, Any]] = {}
    for row in await office.events():
        kinds.setdefault(row["type"], dict(row))
    assert len(kinds) >= 12, sorted(kinds)
    return list(kinds.values())


async def assert_found(office: Office, row: Mapping[str, Any], what: str) -> None:
    report = await office.kernel.verify_log()
    assert report.first_bad is not None, f"{what} of {row['type']}"
    bad = report.first_bad
    moved = (row["stream"], row["seq"])
    assert bad.position == row["position"] or (bad.stream, bad.seq) == moved, (what, bad)


async def put_back(office: Office, at: int, row: Mapping[str, Any]) -> None:
    await execute(office.kernel, RESTORE, at, *row.values())


async def test_a_change_to_any_column_of_any_kind_of_event_is_found(office: Office) -> None:
    for row in await one_of_each_kind(office):
        for column, expression in COLUMNS.items():
            statement = CHANGE.replace("expression", expression).replace("column", column)
            await execute(office.kernel, statement, row["position"])
            moved_by = 100_000 if column == "position" else 0
            await assert_found(office, row, column)
            await put_back(office, row["position"] + moved_by, row)
    assert (await office.kernel.verify_log()).ok


async def test_a_change_to_any_field_of_the_data_of_any_kind_is_found(office: Office) -> None:
    n_changed = 0
    for row in await one_of_each_kind(office):
        for field in row["data"]:
            position = row["position"]
            changed = "changed" if row["data"][field] != "changed" else "otherwise"
            change = f"{CHANGE_DATA} where position = $1"
            for statement, arguments in ((change, (field, changed)), (TAKE_OUT, (field,))):
                await execute(office.kernel, statement, position, *arguments)
                await assert_found(office, row, f"data.{field}")
                await put_back(office, position, row)
                n_changed += 1
    assert n_changed > 150
    assert (await office.kernel.verify_log()).ok


async def test_a_stream_rewritten_around_any_kind_of_event_is_found_at_that_event(
    office: Office,
) -> None:
    for row in await one_of_each_kind(office):
        changes: dict[str, Any]
        for changes in ({"actor": "mallory"}, {"type": "work_order.ready2"}, {"data": {}}):
            if row["data"] == changes.get("data"):
                continue
            await rewrite(office.kernel, row["stream"], {row["seq"]: changes})
            report = await office.kernel.verify_log()
            assert report.first_bad is not None
            assert report.first_bad.position == row["position"], row["type"]
            assert "rewritten" in report.first_bad.reason
            original = {name: row[name] for name in changes}
            await rewrite(office.kernel, row["stream"], {row["seq"]: original})
    assert (await office.kernel.verify_log()).ok


async def test_verify_audit_sees_what_only_the_signed_heads_show(office: Office) -> None:
    (order, *_) = [row["stream"] for row in await office.events(type="work_order.cancelled")]
    await execute(office.kernel, "delete from kernel.event where stream = $1", order)
    await execute(office.kernel, "delete from kernel.stream where stream = $1", order)

    answer = await office.call("planner", "verify_audit")

    assert answer["ok"] is False
    assert answer["first_bad"]["stream"] == order
    assert answer.keys() == {"ok", "events", "first_bad"}
