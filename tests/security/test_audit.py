"""What is recorded is what was done, by whom it was done (docs/security.md)."""

from __future__ import annotations

import contextlib
import csv
import io
from typing import Any

import orjson
import pytest

from agentos import Role, Settings
from agentos.cli.output import one_line, printable
from agentos.events.exporting.export import ExportFormat, Selection, export_lines
from tests.agentos_governance.lifecycle import Office, open_office
from tests.security.catalogue import attempt
from tests.security.scene import begin_review

pytestmark = pytest.mark.anyio

FORGED_LINES = (
    "x\nCEF:0|AgentOS|AgentOS|1|work_order.completed|approved|3|suser=admin",
    "x\r\nwork_order.completed by admin",
    'x"}\n{"type":"work_order.completed","actor":"admin"}',
    "x|work_order.completed|3|suser=admin outcome=success",
    "\x1b[2J\x1b[1;1H\x1b[32mapproved\x1b[0m",
    "\x1b]0;approved\x07\x9b31m",
    '=HYPERLINK("http://127.0.0.1","approved")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u202edevorppa",
    "a\u2028b\u2029c\x85d",
    "<script>approve()</script><!channel> *bold* <@U1>",
)


async def _leave_texts(office: Office, order: str) -> None:
    for text in FORGED_LINES:
        evidence = {"work_order": order, "kind": "note", "content": "x"}
        await office.dispatch("w1", "record_evidence", {**evidence, "claim": text})
        await office.dispatch("w1", "submit_work_order", {"work_order": text, "summary": text})
        with contextlib.suppress(Exception):
            await office.dispatch("w1", text, {})
        await office.call("w1", "stand_down", work_order=order, reason=text)
        await office.claim("w1", order)


async def _export(office: Office, format: ExportFormat) -> tuple[list[str], int]:
    lines = [line async for line in export_lines(office.kernel.database, format, Selection())]
    return lines, len(await office.events())


@attempt("audit")
async def test_no_text_makes_a_second_line_in_an_export(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    await _leave_texts(office, order)
    for format in (ExportFormat.CEF, ExportFormat.OCSF, ExportFormat.JSONL):
        lines, n_events = await _export(office, format)
        assert len(lines) == n_events
        for line in lines:
            assert len(line.splitlines()) == 1 or format is not ExportFormat.CEF
            assert "\x1b" not in line and "\n" not in line and "\r" not in line
    lines, n_events = await _export(office, ExportFormat.CSV)
    rows = list(csv.reader(io.StringIO("\r\n".join(lines))))
    assert len(rows) == n_events + 1
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


@attempt("audit")
async def test_no_text_writes_an_event_of_another_kind_or_actor(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    before = len(await office.events())
    await _leave_texts(office, order)
    written = (await office.events())[before:]
    assert {event["actor"] for event in written} == {"w1"}
    assert not {"work_order.completed", "work_order.reviewed"} & {e["type"] for e in written}
    audit = await office.call("planner", "verify_audit")
    assert audit["ok"], audit


@attempt("audit")
async def test_no_text_moves_the_cursor_or_turns_a_line_around_in_a_terminal() -> None:
    for text in FORGED_LINES:
        for shown in (printable(text), one_line(text)):
            assert not set(shown) & set("\x1b\x07\x9b\x85\r\u202e\u2028\u2029\u2066"), ascii(text)
        assert "\n" not in one_line(text)


@attempt("audit")
async def test_a_worker_s_calls_are_recorded_in_its_own_streams_only(office: Office) -> None:
    order, other = await office.create(), await office.create()
    await office.claim("w2", other)
    before = await office.events(f"work_order/{other}")
    for name in (f"../work_order/{other}", f"w1/../../work_order/{other}", "principal/w2", "w2/"):
        who = f"posing as {name}"
        await office.join(who, Role.WORKER, worker=name)
        await office.dispatch(who, "list_work_orders", {}, under=other)
        evidence = {"work_order": other, "kind": "note", "claim": "It is", "content": "x"}
        await office.dispatch(who, "record_evidence", evidence, under=other)
        await office.dispatch(who, "claim_work_order", {"work_order": other})
    await office.dispatch("w1", "list_work_orders", {}, under=other)
    await office.dispatch("w1", "stand_down", {"work_order": other, "reason": "Not mine"})
    assert await office.events(f"work_order/{other}") == before
    assert not await office.events(f"work_order/{order}", "call.refused")


@attempt("audit")
async def test_a_worker_chooses_neither_time_nor_actor_nor_number_of_an_event(
    office: Office,
) -> None:
    order = await office.create()
    await office.claim("w1", order)
    evidence = {"work_order": order, "kind": "note", "claim": "It is so", "content": "x"}
    for name, value in (
        *(("at", "2020-01-01T00:00:00Z"), ("actor", "admin"), ("seq", 1), ("position", 1)),
        *(("hash", "0" * 64), ("stream", "principal/admin"), ("type", "work_order.completed")),
    ):
        assert (await office.dispatch("w1", "record_evidence", {**evidence, name: value})).is_error
    events = await office.events(f"work_order/{order}")
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


@attempt("audit")
async def test_a_refusal_is_recorded_with_what_was_asked_and_without_its_secrets(
    office: Office,
) -> None:
    order = await office.create()
    secret = "ghp_" + "a" * 36
    evidence = {"kind": "note", "claim": f"token={secret}", "content": secret}
    result = await office.dispatch("w1", "record_evidence", {"work_order": order, **evidence})
    made = [e for e in await office.events() if e["data"].get("call") == result.call_id]
    assert {event["actor"] for event in made} == {"w1"}
    assert made[0]["data"]["arguments"]["work_order"] == order
    assert made[-1]["data"]["error"]["code"] == "lease_lost"
    assert secret not in str(await office.events())


@attempt("audit")
async def test_what_is_changed_removed_or_put_in_behind_the_log_is_found(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order, _ = await begin_review(office)
        database = office.kernel.database
        stream = f"work_order/{order}"
        assert (await office.kernel.verify_log(stream)).ok
        for change in (
            "update kernel.event set actor = 'nobody' where stream = $1 and seq = 2",
            "update kernel.event set data = data || '{\"x\": 1}' where stream = $1 and seq = 3",
            "update kernel.event set at = at + interval '1 s' where stream = $1 and seq = 1",
            "update kernel.event set type = 'work_order.completed' where stream = $1 and seq = 4",
            "delete from kernel.event where stream = $1 and seq = 3",
            "update kernel.event set seq = seq + 100 where stream = $1 and seq = 2",
        ):
            async with database.connection() as connection:
                await connection.execute("create temp table before as table kernel.event")
                await connection.execute(change, stream)
                assert not (await office.kernel.verify_log(stream)).ok, change
                await connection.execute("delete from kernel.event where stream = $1", stream)
                await connection.execute(
                    "insert into kernel.event select * from before where stream = $1", stream
                )
                await connection.execute("drop table before")
            assert (await office.kernel.verify_log(stream)).ok


@attempt("audit")
async def test_refusals_name_no_sql_secret_or_folder_of_the_server(office: Office) -> None:
    order = await office.create()
    await office.claim("w2", order)
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("get_work_order", {"work_order": "' or 1=1 --"}),
        ("get_work_order", {"work_order": "WO-\u0000"}),
        ("record_evidence", {"work_order": order, "kind": "note", "claim": "abc", "path": "x"}),
        (
            "record_evidence",
            {"work_order": order, "kind": "note", "claim": "abc", "path": "\ud800"},
        ),
        ("submit_work_order", {"work_order": order, "summary": "It is done"}),
        ("list_work_orders", {"cursor": "1|2026-01-01T00:00:00+00:00|' or 1=1"}),
        ("claim_work_order", {"work_order": order}),
        ("amend_contract", {"work_order": order, "contract": {}, "reason": "abc"}),
        ("get_review", {"review_id": "RV-' or 1=1"}),
        ("record_evidence", {"work_order": order, "kind": "note", "claim": "a" * 10**6}),
    ]
    home = str(office.kernel.settings.home)
    for tool, arguments in attempts:
        result = await office.dispatch("w1", tool, arguments)
        text = result.text + orjson.dumps(dict(result.structured)).decode()
        for leak in (home, "select ", "insert ", "Traceback", "asyncpg", "site-packages", "aos_"):
            assert leak not in text, (tool, leak, text[:300])
