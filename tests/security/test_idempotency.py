"""An idempotency key answers whoever used it first, for that call only (docs/security.md)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agentos import RequestError, Role
from tests.agentos_governance.lifecycle import Office
from tests.security.catalogue import attempt

pytestmark = pytest.mark.anyio


async def _note(
    office: Office, who: str, order: str, key: str, text: str = "x", **more: Any
) -> Any:
    evidence = {"kind": "note", "claim": "It is so", "content": text}
    return await office.dispatch(
        who, "record_evidence", {"work_order": order, **evidence, **more}, key=key
    )


async def _count(office: Office, order: str) -> int:
    return len(await office.events(f"work_order/{order}", "evidence.recorded"))


@attempt("idempotency")
async def test_another_s_key_answers_nobody_else(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    assert not (await _note(office, "w1", order, "key-a")).is_error
    for who in ("w2", "planner", "reviewer"):
        answer = await _note(office, who, order, "key-a")
        assert answer.is_error
        assert "EV-" not in answer.text


@attempt("idempotency")
async def test_a_key_is_not_used_for_other_arguments_another_order_or_tool(office: Office) -> None:
    order, other = await office.create(), await office.create()
    for each in (order, other):
        await office.claim("w1", each)
    assert not (await _note(office, "w1", order, "key-b")).is_error
    for answer in (
        await _note(office, "w1", order, "key-b", "y"),
        await _note(office, "w1", order, "key-b", claim="It is not"),
        await _note(office, "w1", other, "key-b"),
        await office.dispatch(
            "w1", "stand_down", {"work_order": order, "reason": "Lunch"}, key="key-b"
        ),
    ):
        assert answer.error_code == "conflict"
        assert "EV-" not in answer.text
    assert (await _count(office, order), await _count(office, other)) == (1, 0)


@attempt("idempotency")
async def test_a_key_does_not_carry_over_to_another_role_of_the_same_name(office: Office) -> None:
    await office.join("two-faced", Role.PLANNER, worker="w1")
    order = await office.create()
    await office.claim("w1", order)
    assert not (await _note(office, "w1", order, "key-c")).is_error
    assert (await _note(office, "two-faced", order, "key-c")).is_error


@attempt("idempotency")
async def test_a_revoked_or_expired_token_gets_no_answer_of_an_old_key(office: Office) -> None:
    now = office.clock.now
    issued = await office.kernel.tokens.create("short", Role.WORKER, now=now(), ttl_s=60)
    office.tokens["short"] = issued.secret
    order = await office.create(contract={"lease_ttl_s": 86_400})
    await office.claim("short", order)
    assert not (await _note(office, "short", order, "key-d")).is_error
    office.clock.advance(61)
    with pytest.raises(RequestError):
        await _note(office, "short", order, "key-d")
    again = await office.kernel.tokens.create("short", Role.WORKER, now=now())
    office.tokens["again"] = again.secret
    assert not (await _note(office, "again", order, "key-d")).is_error
    await office.kernel.tokens.revoke(again.id, now=now())
    with pytest.raises(RequestError):
        await _note(office, "again", order, "key-d")


@attempt("idempotency")
async def test_an_old_key_is_no_lease(office: Office) -> None:
    order = await office.create()
    claimed = await office.dispatch("w1", "claim_work_order", {"work_order": order}, key="key-e")
    assert not claimed.is_error
    await office.call("planner", "take_over_work_order", work_order=order, reason="It hangs")
    await office.claim("w2", order)
    again = await office.dispatch("w1", "claim_work_order", {"work_order": order}, key="key-e")
    assert again.error_code == "lease_lost"
    assert (await _note(office, "w1", order, "key-f")).is_error


@attempt("idempotency")
async def test_many_at_once_under_one_key_have_one_effect(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    same = [_note(office, "w1", order, "key-g") for _ in range(8)]
    other = [_note(office, "w1", order, "key-g", f"{n}") for n in range(4)]
    await asyncio.gather(*same, *other)
    assert await _count(office, order) == 1


@attempt("idempotency")
async def test_a_refusal_is_not_remembered_as_an_answer(office: Office) -> None:
    order = await office.create()
    assert (await _note(office, "w1", order, "key-h")).is_error
    await office.claim("w1", order)
    assert not (await _note(office, "w1", order, "key-h")).is_error
    assert await _count(office, order) == 1


@attempt("idempotency")
async def test_keys_that_are_no_keys_are_refused(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    for key in ("", "x" * 201, "a\nb", "a\x00b", "\u202eabc", "\ud800", "\x1b[2J"):
        assert (await _note(office, "w1", order, key)).error_code == "invalid_argument", ascii(key)
    assert await _count(office, order) == 0


@attempt("idempotency")
async def test_usage_is_not_booked_twice_nor_for_less_under_one_request(office: Office) -> None:
    order = await office.create()
    await office.claim("w1", order)
    assert not (await office.usage("w1", order, "request-1", cost_usd="0.1")).is_error
    again = await asyncio.gather(
        *(office.usage("w1", order, "request-1", cost_usd=cost) for cost in ("0", "0.1", "0.2"))
    )
    spent = (await office.call("planner", "get_work_order", work_order=order))["cost"]["spent_usd"]
    assert spent == "0.1", [result.text for result in again]
