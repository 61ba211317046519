"""Claiming work: one holder an order, priority then age, leases that expire and are fenced."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentos import Role, Settings
from agentos_governance.sweeper import sweep
from tests.agentos_governance.lifecycle import Office, open_office, sample_repository
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin
from tests.agentos_governance.repositories import git

pytestmark = pytest.mark.anyio


async def _join_workers(office: Office, count: int) -> list[str]:
    names = [f"worker-{number}" for number in range(count)]
    for name in names:
        await office.join(name, Role.WORKER)
    return names


@pytest.mark.parametrize("has_repository", [True, False])
async def test_twenty_workers_that_claim_one_order_make_one_holder(
    settings: Settings, tmp_path: Path, has_repository: bool
) -> None:
    async with open_office(settings) as office:
        workers = await _join_workers(office, 20)
        repo = sample_repository(tmp_path) if has_repository else None
        order = await office.create(repo=repo)
        results = await asyncio.gather(
            *(office.dispatch(w, "claim_work_order", {"work_order": order}) for w in workers)
        )
        winners = [result for result in results if not result.is_error]
        assert len(winners) == 1
        assert {result.error_code for result in results if result.is_error} == {"conflict"}
        assert winners[0].structured["lease"]["epoch"] == 1
        assert len(await office.events(f"work_order/{order}", "work_order.claimed")) == 1
        await office.assert_consistent()


async def test_twenty_workers_that_claim_by_role_get_twenty_orders(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        workers = await _join_workers(office, 20)
        repo = sample_repository(tmp_path)
        for number in range(20):
            await office.create(f"Order {number}", repo=repo)
        results = await asyncio.gather(
            *(office.dispatch(w, "claim_work_order", {"role": "worker"}) for w in workers)
        )
        assert [result.text for result in results if result.is_error] == []
        claimed = {result.structured["work_order"]["id"] for result in results}
        assert len(claimed) == 20
        paths = {result.structured["workspace"]["path"] for result in results}
        assert len(paths) == 20
        await office.assert_consistent()


async def test_two_servers_give_every_worker_another_order(settings: Settings) -> None:
    async with open_office(settings) as one:
        workers = await _join_workers(one, 12)
        for number in range(12):
            await one.create(f"Order {number}")
        async with open_office(settings, clock=one.clock, tokens=one.tokens) as two:
            results = await asyncio.gather(
                *(
                    (one, two)[number % 2].dispatch(worker, "claim_work_order", {})
                    for number, worker in enumerate(workers)
                )
            )
            assert [result.text for result in results if result.is_error] == []
            assert len({result.structured["work_order"]["id"] for result in results}) == 12
            await two.assert_consistent()


async def test_a_claim_by_role_takes_the_highest_priority_and_then_the_oldest(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        plain = await office.create("plain")
        office.clock.advance(1)
        urgent = await office.create("urgent", priority=5)
        office.clock.advance(1)
        urgent_later = await office.create("urgent later", priority=5)
        other_role = await office.create("other", priority=9, role="analyst")
        claimed = [
            (await office.call(worker, "claim_work_order", role="worker"))["work_order"]["id"]
            for worker in ("w1", "w2", "w3")
        ]
        assert claimed == [urgent, urgent_later, plain]
        assert await office.code("w1", "claim_work_order", role="worker") == "not_found"
        assert (await office.call("w1", "claim_work_order"))["work_order"]["id"] == other_role
        both = {"work_order": plain, "role": "worker"}
        assert await office.code("w1", "claim_work_order", **both) == "invalid_argument"


async def test_an_order_whose_repository_is_gone_does_not_stop_claims_by_role(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        repo = sample_repository(tmp_path)
        broken = await office.create("broken", repo=repo, priority=9)
        fine = await office.create("fine")
        repo.rename(tmp_path / "elsewhere")
        claim = await office.call("w1", "claim_work_order", role="worker")
        assert claim["work_order"]["id"] == fine
        assert await office.code("w2", "claim_work_order", work_order=broken) == "not_found"
        assert await office.state(broken) == "ready"


async def test_epochs_only_grow_whoever_claims_and_however_the_lease_ended(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        epochs = [(await office.claim("w1", order))["lease"]["epoch"]]
        epochs.append((await office.claim("w1", order))["lease"]["epoch"])
        await office.call("w1", "stand_down", work_order=order, reason="No time")
        epochs.append((await office.claim("w2", order))["lease"]["epoch"])
        office.clock.advance(61)
        epochs.append((await office.claim("w3", order))["lease"]["epoch"])
        assert await office.expire() == 1
        epochs.append((await office.claim("w1", order))["lease"]["epoch"])
        assert epochs == [1, 2, 3, 4, 5]
        assert await office.code("w2", "claim_work_order", work_order=order) == "conflict"


async def test_a_lease_ends_by_the_clock_and_lives_by_work(settings: Settings) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create()
        await office.claim("w1", order)
        for tool, arguments in (
            ("read_note", {}),
            ("check_action", {"action": {"tool": "Bash", "command": "rm -rf /"}}),
            ("edit_file", {"path": "../outside"}),
            ("renew_lease", {"work_order": order}),
        ):
            office.clock.advance(50)
            await office.dispatch("w1", tool, arguments)
            assert await sweep(office.kernel) == 0
        shown = await office.call("w2", "get_work_order", work_order=order)
        assert shown["lease"]["worker"] == "w1"
        assert shown["lease"]["expires_at"] == "2026-03-01T09:04:20.000000Z"
        office.clock.advance(60)
        assert (await office.call("w2", "get_work_order", work_order=order))["lease"] is None
        assert await office.code("w1", "renew_lease", work_order=order) == "lease_lost"
        ready = await office.call("w2", "list_work_orders", ready_only=True)
        assert [item["id"] for item in ready["work_orders"]] == [order]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_work_orders", {"ready_only": True}),
        ("list_work_orders", {}),
        ("list_workflows", {}),
        ("list_reviews", {}),
        ("get_cost_report", {"group_by": ["model"]}),
        ("claim_work_order", {"role": "nobody"}),
        ("get_work_order", "another"),
    ],
    ids=["ready list", "list", "workflows", "approvals", "costs", "claim", "another order"],
)
async def test_a_worker_that_only_looks_around_does_not_keep_what_it_forgot(
    settings: Settings, tool: str, arguments: Any
) -> None:
    async with open_office(settings) as office:
        another = await office.create("Another", role="other")
        order = await office.create("Forgotten", role="executor")
        await office.claim("w1", order)
        chosen = {"work_order": another} if arguments == "another" else arguments
        for _ in range(3):
            office.clock.advance(25)
            await office.dispatch("w1", tool, chosen)
        claimed = await office.call("w2", "claim_work_order", role="executor")
        assert claimed["work_order"]["id"] == order
        assert claimed["lease"]["epoch"] == 2
        await office.assert_consistent()


async def test_reading_does_not_renew_also_where_it_names_the_work_order(
    settings: Settings,
) -> None:
    """A restarted worker finds the id in a list, and may read on without going on with it."""
    async with open_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        office.clock.advance(50)
        for tool in ("get_work_order", "get_resume_packet"):
            await office.call("w1", tool, work_order=order)
        await office.dispatch("w1", "list_work_orders", {}, under=order)
        assert await office.expire(10) == 1


async def test_a_lookup_of_a_forgotten_order_is_still_recorded_under_it(settings: Settings) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        office.clock.advance(50)
        await office.call("w1", "list_work_orders")
        allowed = await office.events(f"work_order/{order}", "call.allowed")
        assert [event["data"]["tool"] for event in allowed] == ["list_work_orders"]
        shown = await office.call("planner", "get_work_order", work_order=order)
        assert shown["lease"]["expires_at"] == "2026-03-01T09:01:00.000000Z"


async def test_a_worker_whose_lease_was_taken_over_can_do_nothing_more(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings, plugin=LifecyclePlugin()) as office:
        order = await office.create(repo=sample_repository(tmp_path))
        await office.claim("w1", order)
        office.clock.advance(61)
        await office.claim("w2", order)
        evidence = {"kind": "note", "claim": "It works", "content": "x"}
        for tool, arguments in (
            ("record_evidence", {"work_order": order, **evidence}),
            ("submit_work_order", {"work_order": order, "summary": "Done"}),
            ("renew_lease", {"work_order": order}),
            ("stand_down", {"work_order": order, "reason": "Tired"}),
            ("check_action", {"work_order": order, "action": {"tool": "Edit"}}),
        ):
            assert await office.code("w1", tool, **arguments) == "lease_lost", tool
        assert (await office.usage("w1", order, "r1")).error_code == "lease_lost"
        for tool, arguments in (("write_note", {"text": "x"}), ("read_note", {})):
            named = await office.dispatch("w1", tool, arguments, under=order)
            assert named.error_code == "lease_lost"
        # Without a name as well: it is told what it lost, not that a worker may not write.
        assert await office.code("w1", "write_note", text="x") == "lease_lost"
        assert (await office.call("w2", "get_work_order", work_order=order))["evidence"] == []
        assert await office.events("notes") == []
        await office.assert_consistent()


async def test_a_lease_that_is_lost_while_a_body_runs_fences_its_writes(
    settings: Settings,
) -> None:
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        for loss in ("taken over", "cancelled", "stood down", "expired"):
            order = await office.create()
            await office.claim("w1", order)
            writing = asyncio.create_task(
                office.dispatch("w1", "write_note", {"text": "late", "wait": True}, key=loss)
            )
            await plugin.probe.wait_for_body()
            if loss == "cancelled":
                await office.call("planner", "cancel_work_order", work_order=order, reason="Enough")
            elif loss == "stood down":
                await office.call("w1", "stand_down", work_order=order, reason="Enough")
            else:
                office.clock.advance(61)
            if loss == "taken over":
                await office.claim("w2", order)
            plugin.probe.let_go()
            assert (await writing).error_code == "lease_lost", loss
        assert await office.events("notes") == []
        assert plugin.probe.bodies == []
        await office.assert_consistent()


async def test_a_restarted_worker_fences_its_former_self(settings: Settings) -> None:
    plugin = LifecyclePlugin()
    async with open_office(settings, plugin=plugin) as office:
        order = await office.create()
        await office.claim("w1", order)
        writing = asyncio.create_task(
            office.dispatch("w1", "write_note", {"text": "late", "wait": True})
        )
        await plugin.probe.wait_for_body()
        assert (await office.claim("w1", order))["lease"]["epoch"] == 2
        plugin.probe.let_go()
        assert (await writing).error_code == "lease_lost"
        await office.call("w1", "write_note", text="mine")
        assert [e["data"]["text"] for e in await office.events("notes")] == ["mine"]


async def test_two_sweepers_end_a_lease_once(settings: Settings) -> None:
    async with open_office(settings) as one:
        orders = [await one.create(f"Order {number}") for number in range(5)]
        for order in orders:
            await one.claim("w1", order)
        async with open_office(settings, clock=one.clock, tokens=one.tokens) as two:
            one.clock.advance(61)
            await asyncio.gather(*(sweep(office.kernel) for office in (one, two) * 3))
            assert len(await two.events(type="work_order.lease_expired")) == 5
            assert {await two.state(order) for order in orders} == {"suspended"}
            await two.assert_consistent()


async def test_a_sweep_never_ends_the_lease_of_whoever_claims_meanwhile(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        for _ in range(5):
            await office.claim("w1", order)
            office.clock.advance(61)
            await asyncio.gather(
                *(sweep(office.kernel) for _ in range(4)), office.claim("w2", order)
            )
            shown = await office.call("planner", "get_work_order", work_order=order)
            assert shown["state"] == "active"
            assert shown["lease"]["worker"] == "w2"
            await office.call("w2", "stand_down", work_order=order, reason="Enough")
        await office.assert_consistent()


async def test_a_claim_that_was_killed_before_its_commit_does_not_block_a_moved_repository(
    settings: Settings, tmp_path: Path
) -> None:
    repo = sample_repository(tmp_path)
    async with open_office(settings) as office:
        order = await office.create(repo=repo)
        folder = settings.home / "worktrees" / order
        begun = git(repo, "rev-parse", "HEAD")
        folder.parent.mkdir(parents=True, exist_ok=True)
        git(repo, "worktree", "add", "-b", f"agentos/{order}", str(folder), begun)
        (repo / "README.md").write_text("moved\n", "utf-8")
        git(repo, "commit", "--quiet", "-am", "Move on")
        claim = await office.claim("w1", order)
        # The remains say nothing about the base: anybody may have put them there.
        assert claim["workspace"]["base_commit"] == git(repo, "rev-parse", "HEAD") != begun
        aside = git(repo, "branch", "--list", f"agentos/{order}-aside-*", "--format=%(objectname)")
        assert aside == begun
        assert (await office.submit("w1", order))["state"] == "in_review"


async def test_repeated_claims_under_one_key_have_one_effect(
    settings: Settings, tmp_path: Path
) -> None:
    async with open_office(settings) as office:
        first = await office.create(repo=sample_repository(tmp_path))
        office.clock.advance(1)
        await office.create("another")
        again = [await office.dispatch("w1", "claim_work_order", {}, key="k") for _ in range(3)]
        assert all(result == again[0] for result in again)
        assert again[0].structured["work_order"]["id"] == first
        at_once = await asyncio.gather(
            *(office.dispatch("w2", "claim_work_order", {}, key="k") for _ in range(4))
        )
        assert {result.error_code for result in at_once} <= {None, "conflict", "not_found"}
        last = await office.dispatch("w2", "claim_work_order", {}, key="k")
        done = [result for result in at_once if not result.is_error]
        assert done and all(result == last for result in done)
        assert len(await office.events(type="work_order.claimed")) == 2
        other = await office.dispatch("w2", "claim_work_order", {"role": "worker"}, key="k")
        assert other.error_code == "conflict"
        await office.assert_consistent()
