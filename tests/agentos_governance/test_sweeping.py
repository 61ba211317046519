"""What cannot be ended is left alone for a while, and never keeps anything else from ending.

Failures here are real: streams whose heads are set back, so that nothing can be appended to them, and
tables that are away.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentos import NewEvent, Settings
from agentos_governance.due_rows import MAX_PAUSE_S, MAX_REMEMBERED, SweepFailures
from agentos_governance.sweeper import sweep
from tests.agentos_governance.lifecycle import Office, open_office

pytestmark = pytest.mark.anyio

WEEK_S = 7 * 24 * 3_600.0
N_BROKEN = 120
"""More than a step finds at once."""
REQUEST = {"kind": "approve_plan", "title": "Split it", "text": "First the parser, then the rest"}


async def ask(office: Office, order: str) -> str:
    asked = await office.call("w1", "request_decision", work_order=order, **REQUEST)
    return str(asked["review"])


async def claimed(office: Office) -> str:
    order = await office.create()
    await office.claim("w1", order)
    return order


async def state_of(office: Office, review: str) -> Any:
    return await office.kernel.database.fetch_value(
        "select state from governance.decision_request where id = $1", review
    )


async def move_head(office: Office, stream: str, by: int) -> None:
    """Nothing can be appended to a stream whose head is behind its last event."""
    await office.kernel.database.fetch(
        "update kernel.stream set seq = seq + $2 where stream = $1", stream, by
    )


async def copy_request(office: Office, review: str, stream: str) -> None:
    """Requests like this one, older, whose events belong to another stream."""
    await office.kernel.database.fetch(
        "insert into governance.decision_request"
        " select (jsonb_populate_record(d, jsonb_build_object("
        "'id', 'RV-COPY' || n, 'stream', $2::text, 'opened_at', d.opened_at - interval '1 day'))).*"
        " from governance.decision_request d, generate_series(1, $3) n where d.id = $1",
        review, stream, N_BROKEN,
    )  # fmt: skip


def figures(office: Office) -> str:
    return office.kernel.metrics.render().decode()


def figure(office: Office, name: str) -> float:
    (line,) = [line for line in figures(office).splitlines() if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


@pytest.mark.usefixtures("no_sweeper")
async def test_rows_that_cannot_be_ended_hold_up_no_other_and_are_tried_again(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order, other = await claimed(office), await office.create()
        review = await ask(office, order)
        await copy_request(office, review, f"work_order/{other}")
        await move_head(office, f"work_order/{other}", -1)
        office.clock.advance(WEEK_S)
        for _ in range(2):
            await sweep(office.kernel)
        assert await state_of(office, review) == "expired"
        assert await state_of(office, "RV-COPY1") == "open"
        assert figure(office, 'agentos_sweep_waiting_rows{step="decisions"}') == N_BROKEN
        counted = 'agentos_sweep_failures_total{step="decisions",what="row"}'
        assert figure(office, counted) == N_BROKEN
        await sweep(office.kernel)
        assert figure(office, counted) == N_BROKEN
        await move_head(office, f"work_order/{other}", 1)
        office.clock.advance(MAX_PAUSE_S)
        for _ in range(2):
            await sweep(office.kernel)
        assert await state_of(office, "RV-COPY1") == await state_of(office, "RV-COPY120")
        assert await state_of(office, "RV-COPY120") == "expired"
        assert figure(office, 'agentos_sweep_waiting_rows{step="decisions"}') == 0


async def test_a_step_that_fails_keeps_no_later_step_from_running(settings: Settings) -> None:
    async with open_office(settings) as office:
        review = await ask(office, await claimed(office))
        database = office.kernel.database
        await database.fetch("alter table governance.approval rename to approval_away")
        try:
            office.clock.advance(WEEK_S)
            assert await sweep(office.kernel) in {0, 1}
        finally:
            await database.fetch("alter table governance.approval_away rename to approval")
        assert await state_of(office, review) == "expired"
        assert figure(office, 'agentos_sweep_failures_total{step="approvals",what="step"}') >= 1


async def test_work_that_cannot_be_adopted_does_not_keep_a_server_from_sweeping(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order, broken = await claimed(office), await claimed(office)
        review = await ask(office, order)
        transaction = await office.kernel.open_transaction()
        data = {"work_order": broken, "summary": "Done", "gates": [], "packet_sha256": "a" * 64}
        submitted = NewEvent(
            f"work_order/{broken}", "work_order.submitted", "w1", office.clock.now(), data
        )
        await transaction.append(submitted)
        await transaction.execute("delete from governance.lease where work_order = $1", broken)
        await transaction.commit()
        await move_head(office, f"work_order/{broken}", -1)
    office.clock.advance(WEEK_S)
    async with (
        open_office(settings, clock=office.clock, tokens=office.tokens) as later,
        asyncio.timeout(60),
    ):
        while await state_of(later, review) != "expired":  # noqa: ASYNC110 - tables have no event
            await asyncio.sleep(0.05)
        assert 'step="adoption",what="row"} 1.0' in figures(later)


async def test_what_fails_again_is_left_alone_for_longer_and_not_all_is_remembered(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        failures, now = office.kernel.service(SweepFailures), office.clock.now()
        pauses = []
        for _ in range(12):
            failures.failed("reviews", "RV-1", now, ValueError("odd"))
            pause_s = 0
            while "RV-1" in failures.held("reviews", office.clock.now()):
                office.clock.advance(5)
                pause_s += 5
            pauses.append(pause_s)
            now = office.clock.now()
        assert pauses[:4] == [5, 10, 20, 40] and pauses[-1] == MAX_PAUSE_S
        for number in range(MAX_REMEMBERED + 10):
            failures.failed("reviews", str(number), now, ValueError("odd"))
        assert len(failures.held("reviews", now)) == MAX_REMEMBERED
