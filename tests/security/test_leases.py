"""A lease that ended, was taken over or never was gives no authority (docs/security.md)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentos import CallRequest, Credentials, Role
from agentos_governance.sweeper import sweep
from tests.agentos_governance.lifecycle import Office
from tests.security.catalogue import attempt
from tests.security.scene import begin

pytestmark = pytest.mark.anyio

EVIDENCE = {"kind": "note", "claim": "It is so", "content": "x"}


def _writes(order: str) -> list[tuple[str, dict[str, Any]]]:
    """Every call that only the holder of a work order may make."""
    usage = {"phase": "p", "role": "r", "model": "m", "action": "a", "request_id": "r-1"}
    return [
        ("record_evidence", {"work_order": order, **EVIDENCE}),
        ("submit_work_order", {"work_order": order, "summary": "It is done"}),
        ("stand_down", {"work_order": order, "reason": "Lunch"}),
        ("renew_lease", {"work_order": order}),
        ("check_action", {"work_order": order, "action": {"tool": "Bash", "command": "ls"}}),
        (
            "create_work_order",
            {"title": "C", "objective": "o", "contract": {}, "parent": order},
        ),
        (
            "record_usage",
            {**usage, "work_order": order, "input_tokens": 1, "output_tokens": 1, "cost_usd": "0"},
        ),
    ]


async def _let_through(office: Office, who: str, order: str, **meta: Any) -> list[str]:
    return [
        tool
        for tool, arguments in _writes(order)
        if not (await office.dispatch(who, tool, arguments, **meta)).is_error
    ]


@attempt("leases")
async def test_who_never_held_a_work_order_acts_under_none(office: Office) -> None:
    order = await office.create()
    assert await _let_through(office, "w1", order) == []
    await office.claim("w2", order)
    assert await _let_through(office, "w1", order) == []
    assert await _let_through(office, "w1", order, under=order) == []


@attempt("leases")
async def test_a_lease_is_over_at_its_last_instant_and_not_after_it(office: Office) -> None:
    order = await office.create(contract={"lease_ttl_s": 30})
    await office.claim("w1", order)
    office.clock.advance(30)
    # At once, so that no sweep has marked the lease as lost yet.
    assert await _let_through(office, "w1", order) == []


@attempt("leases")
async def test_a_lease_that_ended_is_not_brought_back_by_renewing_it(office: Office) -> None:
    order = await office.create(contract={"lease_ttl_s": 30})
    await office.claim("w1", order)
    office.clock.advance(31)
    renewals = [office.dispatch("w1", "renew_lease", {"work_order": order}) for _ in range(4)]
    results, _ = await asyncio.gather(asyncio.gather(*renewals), sweep(office.kernel))
    assert all(result.is_error for result in results)
    await office.claim("w2", order)
    assert await _let_through(office, "w1", order) == []


@attempt("leases")
async def test_an_epoch_that_is_named_anywhere_is_not_believed(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    await office.call("w1", "stand_down", work_order=order, reason="Lunch")
    held = await office.claim("w2", order)
    for forged in ({"epoch": held["lease"]["epoch"]}, {"epoch": 999}, {"worker": "w2"}):
        evidence = {"work_order": order, **EVIDENCE, **forged}
        assert (await office.dispatch("w1", "record_evidence", evidence)).is_error
        request = CallRequest(
            "record_evidence",
            {"work_order": order, **EVIDENCE},
            Credentials(bearer_token=office.tokens["w1"]),
            "test",
            work_order=order,
            claims={f"agentos/{name}": value for name, value in forged.items()},
        )
        assert (await office.kernel.dispatch(request)).is_error


@attempt("leases")
async def test_a_restarted_worker_that_only_reads_does_not_keep_what_it_has_forgotten(
    office: Office,
) -> None:
    order = await office.create(contract={"lease_ttl_s": 30})
    await office.claim("w1", order)
    for _ in range(6):
        office.clock.advance(5)
        for tool in ("get_work_order", "get_resume_packet", "get_cost_report"):
            await office.dispatch("w1", tool, {"work_order": order})
            await office.dispatch("w1", tool, {"work_order": order}, under=order)
    assert await _let_through(office, "w1", order) == []
    await office.claim("w2", order)


@attempt("leases")
async def test_who_reads_and_shows_its_epoch_keeps_its_lease_and_a_wrong_epoch_does_not(
    office: Office,
) -> None:
    order = await office.create(contract={"lease_ttl_s": 30})
    epoch = (await office.claim("w1", order))["lease"]["epoch"]
    request = CallRequest(
        "get_work_order",
        {"work_order": order},
        Credentials(bearer_token=office.tokens["w1"]),
        "test",
        claims={"epoch": str(epoch)},
    )
    for _ in range(3):
        office.clock.advance(20)
        assert not (await office.kernel.dispatch(request)).is_error
    assert await office.state(order) == "active"
    await office.call("w1", "renew_lease", work_order=order)
    forged = replace(request, claims={"epoch": str(epoch + 1)})
    for _ in range(2):
        office.clock.advance(15)
        await office.kernel.dispatch(forged)
    assert await _let_through(office, "w1", order) == []


@attempt("leases")
async def test_a_worker_that_was_taken_over_does_nothing_more(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    await office.call("planner", "take_over_work_order", work_order=order, reason="It hangs")
    assert await _let_through(office, "w1", order) == []
    await office.claim("w2", order)
    assert await _let_through(office, "w1", order) == []
    assert await office.code("w1", "claim_work_order", work_order=order) == "conflict"


@attempt("leases")
async def test_no_worker_takes_over_or_ends_what_another_holds(office: Office) -> None:
    order = await office.create()
    await office.claim("w2", order)
    for tool, arguments in (
        ("take_over_work_order", {"reason": "Mine now"}),
        ("cancel_work_order", {"reason": "Mine now"}),
        ("amend_contract", {"contract": {"allowed_tools": ["*"]}, "reason": "More"}),
        ("claim_work_order", {}),
    ):
        assert (await office.dispatch("w1", tool, {"work_order": order, **arguments})).is_error
    assert await office.state(order) == "active"


@attempt("leases")
async def test_many_who_claim_what_just_expired_make_one_holder(office: Office) -> None:
    order = await office.create(contract={"lease_ttl_s": 30})
    await office.claim("w1", order)
    office.clock.advance(30)
    claims = [
        office.dispatch(who, "claim_work_order", {"work_order": order})
        for who in ("w2", "w3", "w2", "w3")
    ]
    results, _ = await asyncio.gather(asyncio.gather(*claims), sweep(office.kernel))
    holders = {r.structured["lease"]["worker"] for r in results if not r.is_error}
    assert len(holders) == 1
    loser = ({"w2", "w3"} - holders).pop()
    assert await _let_through(office, loser, order) == []


@attempt("leases")
async def test_a_name_that_only_looks_like_the_holder_s_holds_nothing(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    for number, name in enumerate(("W1", "w1 ", "\uff571", "w1\ufe0f", "w\u0661")):
        await office.join(f"like-{number}", Role.WORKER, worker=name)
        assert await _let_through(office, f"like-{number}", order) == [], ascii(name)


@attempt("leases")
async def test_a_lease_on_one_order_gives_nothing_on_another(office: Office, folder: Path) -> None:
    scene = await begin(office, folder)
    other = await office.create()
    await office.claim("w2", other)
    assert await _let_through(office, "w1", other, under=scene.order) == []
    assert await _let_through(office, "w1", other, under=other) == []


@attempt("leases")
async def test_standing_down_while_others_write_leaves_no_write_after_it(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    writes = [
        office.dispatch("w1", "record_evidence", {"work_order": order, **EVIDENCE})
        for _ in range(6)
    ]
    leave = office.dispatch("w1", "stand_down", {"work_order": order, "reason": "Lunch"})
    await asyncio.gather(*writes[:3], leave, *writes[3:])
    types = [event["type"] for event in await office.events(f"work_order/{order}")]
    assert "evidence.recorded" not in types[types.index("work_order.stood_down") :]


@attempt("leases")
async def test_wall_clock_time_is_not_won_back_by_claiming_again(office: Office) -> None:
    order = await office.create(contract={"wall_clock_s": 100, "lease_ttl_s": 60})
    await office.claim("w1", order)
    office.clock.advance(50)
    await office.call("w1", "stand_down", work_order=order, reason="Lunch")
    office.clock.advance(51)
    for who in ("w1", "w2"):
        await office.claim(who, order)
        action = {"tool": "Bash", "command": "ls"}
        judged = await office.call(who, "check_action", work_order=order, action=action)
        assert (judged["verdict"], judged["rule"]) == ("deny", "wall_clock_s")
        await office.call(who, "stand_down", work_order=order, reason="Lunch")
