"""Issue 6: every round ends in exactly one of five outcomes, and what is late is never approved."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agentos import NewEvent, Role, Settings
from agentos_governance.review.sweeping import adopt_reviews
from agentos_governance.sweeper import sweep
from tests.agentos_governance.lifecycle import open_office, sample_repository
from tests.agentos_governance.review.rounds import (
    last_round,
    open_another_round,
    resubmitted,
    review_office,
    submitted,
    types_of,
    write,
)

pytestmark = pytest.mark.anyio

DAY_S = 86_400


async def test_a_round_ends_as_its_reviewers_or_the_planner_decide(settings: Settings) -> None:
    async with review_office(settings) as office:
        order, opened = await submitted(office)
        assert (opened["number"], opened["state"], opened["version"]) == (1, "open", 1)
        asked = await office.vote("ben", order, opened["packet_sha256"], "request_changes")
        assert asked == "suspended"
        first = await last_round(office, order)
        assert (first["state"], first["verdict"]) == ("rejected", "request_changes")
        assert (first["decided_by"], first["decided_person"]) == ("ben's laptop", "ben")
        assert first["stopped_at"] is not None and first["remind_at"] is None
        second = await resubmitted(office, order)
        assert (second["number"], second["state"]) == (2, "open")
        assert await office.vote("anna", order, second["packet_sha256"]) == "completed"
        approved = await last_round(office, order)
        assert (approved["state"], approved["verdict"]) == ("approved", "approve")
        # The decision comes before the end, so that the final packet covers it.
        said = await types_of(office, order, "")
        assert "review.decided" not in said[said.index("work_order.completed") :]
        failed, opened = await submitted(office)
        assert await office.vote("anna", failed, opened["packet_sha256"], "reject") == "failed"
        assert (await last_round(office, failed))["state"] == "rejected"
        cancelled, _ = await submitted(office)
        await office.call("planner", "cancel_work_order", work_order=cancelled, reason="No need")
        ended = await last_round(office, cancelled)
        assert (ended["state"], ended["verdict"], ended["reason"]) == ("cancelled", None, "No need")
        for made, types in (
            (order, ["review.opened", "review.decided"] * 2),
            (failed, ["review.opened", "review.decided"]),
            (cancelled, ["review.opened", "review.cancelled"]),
        ):
            assert await types_of(office, made) == types
        await office.assert_consistent()


async def test_cancelling_a_parent_cancels_the_reviews_of_its_children(settings: Settings) -> None:
    async with review_office(settings) as office:
        parent = await office.create()
        child, _ = await submitted(office, parent=parent)
        await office.call("planner", "cancel_work_order", work_order=parent, reason="No need")
        assert (await last_round(office, child))["state"] == "cancelled"
        assert await office.state(child) == "cancelled"
        await office.assert_consistent()


async def test_an_expired_review_sends_the_work_back_and_accepts_nothing(
    settings: Settings,
) -> None:
    async with review_office(settings, {"expire_after_s": DAY_S}) as office:
        order, opened = await submitted(office, {"quorum": 2})
        await office.vote("anna", order, opened["packet_sha256"])
        office.clock.advance(DAY_S)
        # Nobody has swept yet; it is too late all the same.
        vote = {"work_order": order, "packet_sha256": opened["packet_sha256"]}
        late = await office.refuse(
            "ben", "review_work_order", **vote, verdict="approve", reason="I looked"
        )
        assert late["code"] == "invalid_state" and "expired" in late["message"]
        await sweep(office.kernel)
        await sweep(office.kernel)
        ended = await last_round(office, order)
        assert (ended["state"], ended["verdict"], ended["decided_by"]) == ("expired", None, None)
        assert await office.state(order) == "suspended"
        assert await types_of(office, order) == ["review.opened", "review.expired"]
        said = await office.refuse(
            "ben", "review_work_order", **vote, verdict="approve", reason="I looked"
        )
        assert f"{opened['id']} is expired" in said["message"]
        claim = await office.claim("w2", order)
        assert "the review expired" in claim["resume_packet"]["packet"]
        second = await office.submit("w2", order)
        # The approval that was given in time was of the packet that expired.
        assert await office.vote("ben", order, second["packet_sha256"]) == "in_review"
        assert await office.vote("carl", order, second["packet_sha256"]) == "completed"
        await office.assert_consistent()


async def test_a_contract_shortens_the_expiry_and_never_prolongs_it(settings: Settings) -> None:
    async with review_office(settings, {"expire_after_s": DAY_S}) as office:
        for asked, got in ((3_600, 3_600), (9 * DAY_S, DAY_S)):
            _, opened = await submitted(office, {"expire_after_s": asked})
            assert (opened["expires_at"] - opened["opened_at"]).total_seconds() == got


async def test_another_submission_supersedes_the_round_that_is_open(settings: Settings) -> None:
    async with review_office(settings) as office:
        order, first = await submitted(office)
        second = await open_another_round(office, order)
        assert (second["number"], second["state"]) == (2, "open")
        rows = await office.kernel.database.fetch(
            "select id, state from governance.review_round order by number"
        )
        assert [(row["id"], row["state"]) for row in rows] == [
            (first["id"], "superseded"),
            (second["id"], "open"),
        ]
        assert await office.vote("anna", order, second["packet_sha256"]) == "completed"
        await office.assert_consistent()


async def test_servers_that_sweep_at_once_end_a_review_once(settings: Settings) -> None:
    async with review_office(settings) as office:
        order, opened = await submitted(office)
        office.clock.advance(7 * DAY_S)
        async with open_office(settings, clock=office.clock, tokens=office.tokens) as other:
            vote = {"packet_sha256": opened["packet_sha256"], "reason": "I looked"}
            await asyncio.gather(
                *(sweep(each.kernel) for each in (office, other) * 4),
                office.dispatch(
                    "anna",
                    "review_work_order",
                    {"work_order": order, "verdict": "reject", **vote},
                ),
            )
        assert await types_of(office, order) == ["review.opened", "review.expired"]
        assert await types_of(office, order, "work_order.review_expired") == [
            "work_order.review_expired"
        ]
        await office.assert_consistent()


async def test_verdicts_and_an_expiry_at_once_give_one_outcome(settings: Settings) -> None:
    async with review_office(settings) as office:
        for number in range(6):
            await office.join(f"r{number}", Role.REVIEWER, person=f"r{number}")
        for verdicts in (["approve", "reject"], ["approve", "request_changes"] * 3):
            order, opened = await submitted(office)
            results = await asyncio.gather(
                *(
                    office.dispatch(
                        f"r{number}",
                        "review_work_order",
                        {
                            "work_order": order,
                            "packet_sha256": opened["packet_sha256"],
                            "verdict": verdict,
                            "reason": "I looked",
                        },
                    )
                    for number, verdict in enumerate(verdicts)
                )
            )
            codes = [result.error_code for result in results]
            assert codes.count(None) == 1 and set(codes) == {None, "invalid_state"}
            assert await types_of(office, order) == ["review.opened", "review.decided"]
        await office.assert_consistent()


async def test_a_stale_packet_is_refused_with_what_changed_since(
    settings: Settings, tmp_path: Path
) -> None:
    async with review_office(settings) as office:
        order = await office.create(repo=sample_repository(tmp_path))
        await office.claim("w1", order)
        for path in ("src/kept.py", "src/edited.py", "src/dropped.py"):
            write(office, order, path, "1\n")
        await office.submit("w1", order)
        seen = (await last_round(office, order))["packet_sha256"]
        await office.vote("ben", order, seen, "request_changes")
        await office.claim("w2", order)
        write(office, order, "src/edited.py", "2\n")
        write(office, order, "src/added.py", "3\n")
        (settings.home / "worktrees" / order / "src" / "dropped.py").unlink()
        await office.call(
            "w2", "record_evidence", work_order=order, kind="note", claim="It is so", content="so"
        )
        await office.submit("w2", order)
        vote = {"work_order": order, "packet_sha256": seen, "verdict": "approve"}
        error = await office.refuse("anna", "review_work_order", **vote, reason="I looked")
        assert error["code"] == "conflict"
        assert (
            "since then: 1 added (src/added.py); 1 changed (src/edited.py); "
            "1 removed (src/dropped.py); 1 new pieces of evidence"
        ) in error["message"]
        current = await last_round(office, order)
        assert current["what_changed"] == {
            "added": ["src/added.py"],
            "changed": ["src/edited.py"],
            "removed": ["src/dropped.py"],
            "n_added": 1,
            "n_changed": 1,
            "n_removed": 1,
            "n_evidence_added": 1,
        }
        unknown = {**vote, "packet_sha256": "0" * 64}
        error = await office.refuse("anna", "review_work_order", **unknown, reason="I looked")
        assert error["code"] == "conflict" and "since then" not in error["message"]
        await office.assert_consistent()


async def test_work_submitted_before_there_were_rounds_gets_one(settings: Settings) -> None:
    async with review_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        transaction = await office.kernel.open_transaction()
        await transaction.append(
            NewEvent(
                f"work_order/{order}",
                "work_order.submitted",
                "w1",
                office.clock.now(),
                {"work_order": order, "summary": "Done", "gates": [], "packet_sha256": "a" * 64},
            )
        )
        await transaction.execute("delete from governance.lease where work_order = $1", order)
        await transaction.commit()
        for _ in range(2):
            await adopt_reviews(office.kernel)
        # By this call, or by the server's own sweeper.
        assert await types_of(office, order) == ["review.opened"]
        assert (await last_round(office, order))["state"] == "open"
        assert await office.vote("anna", order, "a" * 64) == "completed"
        await office.assert_consistent()
