"""Issue 6: whoever submitted may submit something better while it is in review; nobody else may."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentos import Role, Settings
from agentos_governance.orders import lock_order
from agentos_governance.review import rounds as rounds_module
from agentos_governance.sweeper import sweep
from tests.agentos_governance.lifecycle import Office, sample_repository
from tests.agentos_governance.review.rounds import (
    last_round,
    review_office,
    submitted,
    types_of,
    write,
)

pytestmark = pytest.mark.anyio

DAY_S = 86_400
WAITING = (
    "select count(*) from pg_stat_activity"
    " where datname = current_database() and wait_event_type = 'Lock'"
)


async def _submit(office: Office, order: str, summary: str, *, who: str = "w1") -> dict[str, Any]:
    return await office.call(who, "submit_work_order", work_order=order, summary=summary)


async def _with_a_file(office: Office, tmp_path: Path, review: dict[str, Any]) -> str:
    """Work on `src/a.py` and `src/b.py` in review."""
    order = await office.create(contract={"review": review}, repo=sample_repository(tmp_path))
    await office.claim("w1", order)
    for name in ("a", "b"):
        write(office, order, f"src/{name}.py", f"{name.upper()} = 1\n")
    assert (await _submit(office, order, "It is done"))["state"] == "in_review"
    return order


async def test_a_better_tree_supersedes_the_packet_that_waits(
    settings: Settings, tmp_path: Path
) -> None:
    async with review_office(settings) as office:
        order = await _with_a_file(office, tmp_path, {"quorum": 2})
        first = await last_round(office, order)
        await office.vote("anna", order, first["packet_sha256"])
        write(office, order, "src/a.py", "A = 2\n")
        evidence = {"kind": "note", "claim": "It is better", "content": "Two is right"}
        await office.call("w1", "record_evidence", work_order=order, **evidence)
        said = await _submit(office, order, "One was wrong")
        second = await last_round(office, order)
        assert (said["state"], said["review"]) == ("in_review", second["id"])
        assert said["packet_sha256"] == second["packet_sha256"] != first["packet_sha256"]
        assert (second["number"], second["state"]) == (2, "open")
        assert second["what_changed"]["changed"] == ["src/a.py"]
        # Who looked at the first packet has not seen this one.
        stale = await office.refuse(
            "ben",
            "review_work_order",
            work_order=order,
            packet_sha256=first["packet_sha256"],
            verdict="approve",
            reason="I looked",
        )
        assert stale["code"] == "conflict" and "1 changed (src/a.py)" in stale["message"]
        old = await office.call("anna", "get_review_card", review=first["id"])
        assert (old["outcome"], old["superseded_by"]) == ("superseded", second["id"])
        for who, state in (("ben", "in_review"), ("carl", "completed")):
            assert await office.vote(who, order, second["packet_sha256"]) == state
        assert await types_of(office, order) == [
            "review.opened",
            "review.superseded",
            "review.opened",
            "review.decided",
        ]
        await office.assert_consistent()


async def test_an_approval_holds_for_a_better_packet_only_where_it_shows_nothing_new(
    settings: Settings, tmp_path: Path
) -> None:
    async with review_office(settings, {"sticky": True}) as office:
        for what, held in (("less", True), ("more", False)):
            (tmp_path / what).mkdir()
            order = await _with_a_file(office, tmp_path / what, {"quorum": 2})
            await office.vote("anna", order, (await last_round(office, order))["packet_sha256"])
            if what == "less":
                (settings.home / "worktrees" / order / "src" / "b.py").unlink()
            else:
                write(office, order, "src/c.py", "C = 1\n")
            await _submit(office, order, "Another tree")
            current = await last_round(office, order)
            card = await office.call("ben", "get_review_card", review=current["id"])
            assert [vote["carried"] for vote in card["votes"]] == [True] * held


async def test_the_same_submission_again_costs_no_vote_and_no_card(
    settings: Settings, tmp_path: Path
) -> None:
    async with review_office(settings) as office:
        order = await _with_a_file(office, tmp_path, {"quorum": 2})
        first = await last_round(office, order)
        await office.vote("anna", order, first["packet_sha256"])
        again = await _submit(office, order, "It is done")
        assert (again["review"], again["packet_sha256"]) == (first["id"], first["packet_sha256"])
        assert await types_of(office, order) == ["review.opened"]
        assert await office.vote("ben", order, first["packet_sha256"]) == "completed"


async def test_only_the_worker_and_the_claim_that_submitted_submit_again(
    settings: Settings,
) -> None:
    async with review_office(settings) as office:
        order, first = await submitted(office)
        await office.join("w1's planner", Role.PLANNER, worker="planner-1")
        again = {"work_order": order, "summary": "Something else"}
        for who in ("w2", "w1's planner", "anna", "admin"):
            code = await office.code(who, "submit_work_order", **again)
            assert code in ("lease_lost", "call_refused"), (who, code)
        # Nothing but submitting again, and what that needs: the lease is over.
        for tool, more in (("stand_down", {"reason": "No time"}), ("renew_lease", {})):
            assert await office.code("w1", tool, work_order=order, **more) == "lease_lost", tool
        asked = await office.vote("ben", order, first["packet_sha256"], "request_changes")
        assert asked == "suspended"
        assert await office.code("w1", "submit_work_order", **again) == "lease_lost"
        await office.claim("w2", order)
        assert (await _submit(office, order, "By another", who="w2"))["state"] == "in_review"
        assert await office.code("w1", "submit_work_order", **again) == "lease_lost"
        assert await types_of(office, order) == ["review.opened", "review.decided", "review.opened"]


async def test_what_fails_its_gates_leaves_what_waits_as_it_is(
    settings: Settings, tmp_path: Path
) -> None:
    async with review_office(settings) as office:
        order = await _with_a_file(office, tmp_path, {})
        first = await last_round(office, order)
        write(office, order, "outside.py", "X = 1\n")
        said = await _submit(office, order, "With a file outside")
        assert (said["state"], said["packet_sha256"]) == ("in_review", None)
        assert not all(gate["passed"] for gate in said["gates"])
        assert (await last_round(office, order))["state"] == "open"
        (settings.home / "worktrees" / order / "outside.py").unlink()
        assert await office.vote("anna", order, first["packet_sha256"]) == "completed"


async def test_evidence_that_no_reviewer_saw_is_not_confirmed_by_their_approval(
    settings: Settings,
) -> None:
    async with review_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        await _note(office, order, "Seen")
        await _submit(office, order, "It is done")
        first = await last_round(office, order)
        await _note(office, order, "Unseen")
        assert await office.vote("anna", order, first["packet_sha256"]) == "completed"
        details = await office.call("planner", "get_work_order", work_order=order)
        levels = {each["claim"]: each["level"] for each in details["evidence"]}
        assert levels == {"Seen": "reviewed", "Unseen": "reported"}
        resumed = await office.call("planner", "get_resume_packet", work_order=order)
        assert resumed["packet"].count('"level":"reviewed"') == 1
        await office.assert_consistent()


async def _note(office: Office, order: str, claim: str) -> None:
    note = {"kind": "note", "claim": claim, "content": claim}
    await office.call("w1", "record_evidence", work_order=order, **note)


async def test_a_worker_cannot_keep_reviewers_from_deciding_by_submitting_without_end(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds_module, "MAX_SUPERSEDED", 2)
    async with review_office(settings) as office:
        order, _ = await submitted(office)
        again = {"work_order": order}
        for number in range(2):
            await _submit(office, order, f"Try {number}")
        refused = await office.code("w1", "submit_work_order", **again, summary="One more")
        assert refused == "limit_exceeded"
        current = await last_round(office, order)
        await office.vote("ben", order, current["packet_sha256"], "request_changes")
        await office.claim("w1", order)
        await _submit(office, order, "After somebody decided")
        assert (await _submit(office, order, "And better"))["state"] == "in_review"
        await office.assert_consistent()


@pytest.mark.usefixtures("no_sweeper")
async def test_what_expired_is_never_said_to_be_superseded(settings: Settings) -> None:
    async with review_office(settings, {"expire_after_s": DAY_S}) as office:
        order, first = await submitted(office)
        office.clock.advance(DAY_S)
        # Nobody has swept yet.
        await _submit(office, order, "Late")
        assert await types_of(office, order) == ["review.opened", "review.expired", "review.opened"]
        card = await office.call("anna", "get_review_card", review=first["id"])
        assert (card["outcome"], card["superseded_by"]) == ("expired", None)
        await sweep(office.kernel)
        assert await office.state(order) == "in_review"
        await office.assert_consistent()


@pytest.mark.parametrize("first", ["approve", "submit"])
async def test_of_an_approval_and_a_better_packet_at_once_exactly_one_counts(
    settings: Settings, tmp_path: Path, first: str
) -> None:
    async with review_office(settings) as office:
        order = await _with_a_file(office, tmp_path, {})
        shown = await last_round(office, order)
        (submission, approval) = await _both_at_once(office, order, shown["packet_sha256"], first)
        current = await last_round(office, order)
        state = await office.state(order)
        if first == "approve":
            assert approval is None and submission == "lease_lost"
            assert (state, current["id"]) == ("completed", shown["id"])
        else:
            assert submission is None and approval == "conflict"
            assert (state, current["number"], current["state"]) == ("in_review", 2, "open")
            card = await office.call("anna", "get_review_card", review=current["id"])
            assert card["votes"] == []
        await office.assert_consistent()


async def _both_at_once(
    office: Office, order: str, packet: str, first: str
) -> tuple[str | None, str | None]:
    """The error codes of both, which have done all but what the lock of the order keeps them from."""
    submission = {"work_order": order, "summary": "Said better"}
    approval = {"work_order": order, "packet_sha256": packet, "verdict": "approve", "reason": "Yes"}
    calls = {
        "submit": ("w1", "submit_work_order", submission),
        "approve": ("anna", "review_work_order", approval),
    }
    turns = [first, *(name for name in calls if name != first)]
    held = await office.kernel.open_transaction()
    await lock_order(held, order)
    tasks = {}
    for number, name in enumerate(turns):
        who, tool, arguments = calls[name]
        tasks[name] = asyncio.create_task(office.dispatch(who, tool, arguments))
        await _until_waiting(office, number + 1)
    await held.rollback()
    results = {name: await task for name, task in tasks.items()}
    return results["submit"].error_code, results["approve"].error_code


async def _until_waiting(office: Office, n: int) -> None:
    async with asyncio.timeout(60):
        while await office.kernel.database.fetch_value(WAITING) < n:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
