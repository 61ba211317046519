"""Issue 3, replay: the events give the state, recorded results are served, nothing is done again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentos import NotFoundError, Settings
from agentos_governance.replay.difference import compare_runs
from agentos_governance.replay.outcome import Replay, recorded_steps, replay_order
from agentos_governance.replay.recording import StepKind
from agentos_governance.replay.serving import Finding
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office(settings: Settings) -> AsyncIterator[Office]:
    async with open_office(settings) as office:
        yield office


async def live_a_little(office: Office, order: str, *, claim: str = "it works") -> None:
    """A claim, a look, evidence, money, a refusal, a submission and a vote."""
    await office.claim("w1", order)
    await office.dispatch("w1", "get_work_order", {"work_order": order})
    await office.call(
        "w1", "record_evidence", work_order=order, kind="note", claim=claim, content="seen"
    )
    await office.usage("w1", order, "r-1")
    refused = await office.dispatch("w1", "claim_work_order", {"work_order": "WO-ABSENT"})
    assert refused.is_error
    submitted = await office.submit("w1", order)
    await office.vote("reviewer", order, submitted["packet_sha256"])


async def replayed(office: Office, order: str, until: str | None = None) -> Replay:
    return await replay_order(office.kernel, order, until=until, with_steps=True, rerun=False)


async def test_events_folded_from_nothing_give_the_live_state(
    office: Office, tmp_path: Path
) -> None:
    order = await office.create(repo=sample_repository(tmp_path))
    other = await office.create(depends_on=[order])
    await live_a_little(office, order)

    for one in (order, other):
        replay = await replayed(office, one)
        assert replay.ok, replay.differing_tables
        assert replay.live is not None
        assert replay.folded.sha256 == replay.live.sha256
    rows = (await replayed(office, order)).folded.counts()
    assert rows["governance.evidence"] == rows["governance.vote"] == 1
    assert rows["governance.claim"] == rows["governance.ledger"] == 1


async def test_a_live_row_that_was_changed_is_named(office: Office) -> None:
    order = await office.create()
    await office.complete(order)
    async with office.kernel.database.connection() as connection:
        await connection.execute("update governance.claim set worker = 'mallory'")

    replay = await replayed(office, order)

    assert not replay.ok
    assert replay.differing_tables == ["governance.claim"]


async def test_a_replay_changes_nothing(office: Office) -> None:
    order = await office.create()
    await office.complete(order)
    # Results are kept a little after their calls; from here on nothing is on its way.
    await office.kernel.results.close()
    before = await office.events()

    first, second = await replayed(office, order), await replayed(office, order)

    assert first.document() == second.document()
    assert [row["hash"] for row in await office.events()] == [row["hash"] for row in before]


async def test_until_ends_at_a_number_or_a_time(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    claimed_at = office.clock.now()
    office.clock.advance(1)
    await office.submit("w1", order)
    (claimed,) = await office.events(type="work_order.claimed")

    by_seq = await replayed(office, order, str(claimed["seq"]))
    by_time = await replayed(office, order, claimed_at.isoformat())
    whole = await replayed(office, order)

    assert by_seq.folded.order["state"] == by_time.folded.order["state"] == "active"
    assert whole.folded.order["state"] == "in_review"
    assert by_seq.live is None
    with pytest.raises(NotFoundError, match="no event 999"):
        await replayed(office, order, "999")
    with pytest.raises(NotFoundError, match="neither"):
        await replayed(office, order, "yesterday")


async def test_steps_show_the_state_after_each_event(office: Office) -> None:
    order = await office.create()
    await live_a_little(office, order)

    steps = (await replayed(office, order)).steps

    states = [step.state for step in steps if "governance.work_order" in step.changed]
    assert states[0] == "ready"
    assert states[-1] == "completed"
    assert all(step.changed == () for step in steps if step.step.event.type.startswith("call."))


async def test_recorded_results_are_served_and_reads_that_diverge_are_flagged(
    office: Office,
) -> None:
    order = await office.create()
    await live_a_little(office, order)
    await office.kernel.results.close()
    before = await office.state(order)

    served = await replay_order(office.kernel, order, until=None, with_steps=False, rerun=False)
    by_tool = {call.recorded.tool: call for call in served.calls}
    again = await replay_order(office.kernel, order, until=None, with_steps=False, rerun=True)

    assert by_tool["record_evidence"].finding is Finding.SERVED
    assert by_tool["record_evidence"].result is not None
    assert by_tool["get_work_order"].finding is Finding.SERVED
    looked = next(call for call in again.calls if call.recorded.tool == "get_work_order")
    assert looked.finding is Finding.DIVERGED
    assert "state" in looked.detail
    assert await office.state(order) == before
    assert again.ok, "that a read diverges is no fault of the record"


async def test_what_was_decided_is_shown_and_never_decided_again(office: Office) -> None:
    order = await office.create()
    await live_a_little(office, order)
    n_votes = len(await office.events(type="work_order.reviewed"))

    replay = await replay_order(office.kernel, order, until=None, with_steps=True, rerun=True)

    decisions = [call for call in replay.calls if call.recorded.tool == "review_work_order"]
    assert [call.finding for call in decisions] in ([Finding.DECISION], [])
    kinds = {s.step.event.type: s.step.kind for s in replay.steps}
    assert kinds["work_order.reviewed"] is StepKind.DECISION
    assert len(await office.events(type="work_order.reviewed")) == n_votes
    assert not [
        event
        for event in await office.events(type="call.allowed")
        if event["data"]["edge"] == "replay" and not event["data"]["tool"].startswith("get_")
    ]


async def test_a_kept_result_that_was_changed_is_no_longer_served_as_recorded(
    office: Office,
) -> None:
    order = await office.create()
    await live_a_little(office, order)
    await office.kernel.results.close()
    async with office.kernel.database.connection() as connection:
        await connection.execute(
            "update kernel.call_result set result = replace(result, 'it works', 'it never did')"
        )

    replay = await replayed(office, order)

    assert not replay.ok
    assert any(call.finding is Finding.BROKEN for call in replay.calls)


async def test_a_result_with_a_secret_is_kept_without_it(office: Office) -> None:
    order = await office.create()
    secret = "ghp_" + "a" * 36
    await live_a_little(office, order, claim=f"the token is {secret}")
    await office.kernel.results.close()

    rows = await office.kernel.database.fetch("select result from kernel.call_result")

    assert rows
    assert not [row for row in rows if secret in row["result"]]
    assert (await replayed(office, order)).ok


async def test_two_runs_are_compared_step_by_step(office: Office) -> None:
    orders = [await office.create("A") for _ in range(3)]
    await live_a_little(office, orders[0])
    await live_a_little(office, orders[1])
    await live_a_little(office, orders[2], claim="it hardly works")
    await office.create()

    runs = [await recorded_steps(office.kernel, order, None) for order in orders]
    same = compare_runs(runs[0], runs[1], orders[0], orders[1])
    other = compare_runs(runs[0], runs[2], orders[0], orders[2])
    shorter = compare_runs(runs[0], runs[1][:-2], orders[0], orders[1])

    assert same.is_same, [d.document() for d in same.differing]
    assert {"claim"} <= {field for step in other.differing for field in step.fields}
    assert {step.change for step in shorter.differing} == {"only first"}
    assert len(shorter.differing) == 2


async def test_an_unknown_work_order_is_said_to_be_unknown(office: Office) -> None:
    with pytest.raises(NotFoundError, match="no work order"):
        await replayed(office, "WO-ABSENT")
