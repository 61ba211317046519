"""Issue 3: a lease can be taken from a worker, who is fenced off from then on, repeats included."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from agentos import Role, Settings
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin
from tests.agentos_governance.repositories import git

pytestmark = pytest.mark.anyio

NOTE = {"kind": "note", "claim": "It is so", "content": "x"}


async def take_over(office: Office, order: str, who: str = "planner") -> str:
    """The packet for the next worker."""
    answer = await office.call(who, "take_over_work_order", work_order=order, reason="It hangs")
    return str(answer["resume_packet"]["packet"])


async def test_a_planner_takes_a_work_order_from_its_worker_and_another_continues(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        await office.call("w1", "record_evidence", work_order=order, **NOTE)
        packet = json.loads(await take_over(office, order))
        assert packet["state"] == "suspended"
        assert packet["attempts"][0]["ended"] == "taken_over"
        assert packet["attempts"][0]["reason"] == "It hangs"
        [event] = await office.events(f"work_order/{order}", "work_order.taken_over")
        assert (event["actor"], event["data"]["worker"]) == ("planner", "w1")
        assert event["data"]["epoch"] == 1
        refused = await office.code("w1", "record_evidence", work_order=order, **NOTE)
        assert refused == "lease_lost"
        assert await office.code("w1", "renew_lease", work_order=order) == "lease_lost"
        claim = await office.claim("w2", order)
        assert claim["lease"]["epoch"] == 2
        assert json.loads(claim["resume_packet"]["packet"])["attempts"][1]["worker"] == "w2"
        assert (
            await office.code("w1", "stand_down", work_order=order, reason="Mine") == "lease_lost"
        )
        await office.assert_consistent()


async def test_only_those_who_plan_take_over_and_only_what_is_held(settings: Settings) -> None:
    async with open_office(settings) as office:
        await office.join("bot", Role.BOT)
        order = await office.create()
        arguments = {"work_order": order, "reason": "It hangs"}
        assert await office.code("planner", "take_over_work_order", **arguments) == "invalid_state"
        await office.claim("w1", order)
        for who in ("w1", "w2", "reviewer", "bot"):
            assert await office.code(who, "take_over_work_order", **arguments) == "call_refused"
        await take_over(office, order, "admin")
        assert await office.code("planner", "take_over_work_order", **arguments) == "invalid_state"
        missing = {"work_order": "WO-00000000", "reason": "It hangs"}
        assert await office.code("planner", "take_over_work_order", **missing) == "not_found"


async def test_a_write_that_has_begun_ends_before_the_take_over_and_a_later_one_does_not(
    settings: Settings,
) -> None:
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        order = await office.create()
        await office.claim("w1", order)
        late = asyncio.create_task(
            office.dispatch("w1", "write_note", {"text": "late", "wait": True})
        )
        await plugin.probe.wait_for_body()
        await take_over(office, order)
        plugin.probe.let_go()
        assert (await late).error_code == "lease_lost"
        assert await office.events("notes") == []


async def test_a_worker_that_lost_its_lease_does_not_get_the_answers_of_its_old_keys(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        for lose in ("taken over", "expired", "expired and not swept", "claimed by another"):
            order = await office.create(lose)
            claim = ("w1", "claim_work_order", {"work_order": order})
            record = ("w1", "record_evidence", {"work_order": order, **NOTE})
            for call in (claim, record):
                first = await office.dispatch(*call, key=f"{lose} {call[1]}")
                assert not first.is_error
                again = await office.dispatch(*call, key=f"{lose} {call[1]}")
                assert again.structured == first.structured
            if lose == "taken over":
                await take_over(office, order)
            else:
                office.clock.advance(61)
            if lose == "expired":
                await office.expire(0)
            if lose == "claimed by another":
                await office.claim("w2", order)
            for call in (claim, record):
                again = await office.dispatch(*call, key=f"{lose} {call[1]}")
                assert again.error_code == "lease_lost", (lose, call[1])
            if lose == "claimed by another":
                await office.call("w2", "stand_down", work_order=order, reason="Enough")
            # Who holds it again finds out what it had done before.
            await office.claim("w1", order)
            assert not (await office.dispatch(*record, key=f"{lose} record_evidence")).is_error
            shown = await office.call("w1", "get_work_order", work_order=order)
            assert len(shown["evidence"]) == 1
            await office.call("w1", "stand_down", work_order=order, reason="Next")


async def test_a_worker_that_ended_its_lease_itself_gets_the_answers_of_its_old_keys(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        for tool, arguments in (
            ("stand_down", {"reason": "Tired"}),
            ("submit_work_order", {"summary": "It is done"}),
        ):
            order = await office.create(tool)
            await office.claim("w1", order)
            record = ("w1", "record_evidence", {"work_order": order, **NOTE})
            end = ("w1", tool, {"work_order": order, **arguments})
            firsts = [
                await office.dispatch(*call, key=f"{tool} {call[1]}") for call in (record, end)
            ]
            if tool == "stand_down":
                await office.claim("w2", order)
            office.clock.advance(1_000)
            for call, first in zip((record, end), firsts, strict=True):
                again = await office.dispatch(*call, key=f"{tool} {call[1]}")
                assert not again.is_error and again.structured == first.structured, call


async def test_who_makes_the_branch_before_the_first_claim_does_not_choose_the_base(
    settings: Settings, tmp_path: Path
) -> None:
    repo = sample_repository(tmp_path)
    async with open_office(settings) as office:
        other = await office.create("Other", repo=repo)
        mine = Path((await office.claim("w2", other))["workspace"]["path"])
        order = await office.create("Real", repo=repo)
        (mine / "src" / "app.py").write_text("planted\n", "utf-8")
        git(mine, "commit", "--quiet", "-am", "Planted")
        git(mine, "branch", f"agentos/{order}")
        head = git(repo, "rev-parse", "HEAD")
        claim = await office.claim("w1", order)
        assert claim["workspace"]["base_commit"] == head
        assert git(Path(claim["workspace"]["path"]), "rev-parse", "HEAD") == head
        [chosen] = await office.events(f"work_order/{order}", "work_order.base_chosen")
        assert chosen["data"]["base_commit"] == head
        await office.assert_consistent()


async def test_the_base_stays_although_the_repository_moves_on_before_the_claim_succeeds(
    settings: Settings, tmp_path: Path
) -> None:
    repo = sample_repository(tmp_path)
    async with open_office(settings) as office:
        order = await office.create("A", repo=repo)
        first = git(repo, "rev-parse", "HEAD")
        blocked = settings.home / "worktrees" / order
        blocked.mkdir(parents=True)
        (blocked / "precious").touch()
        assert await office.code("w1", "claim_work_order", work_order=order) == "conflict"
        git(repo, "commit", "--quiet", "--allow-empty", "-m", "Later")
        (blocked / "precious").unlink()
        claims = await asyncio.gather(
            *(
                office.dispatch(who, "claim_work_order", {"work_order": order})
                for who in ("w1", "w2")
            )
        )
        [won] = [claim for claim in claims if not claim.is_error]
        assert won.structured["workspace"]["base_commit"] == first
        assert len(await office.events(f"work_order/{order}", "work_order.base_chosen")) == 1
        await office.assert_consistent()
