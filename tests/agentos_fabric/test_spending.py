"""What models cost stands in the one ledger: held before, settled after, refused by budgets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from agentos import CallRefusedError, Completer, PluginError, Settings
from agentos.testing import HttpDouble
from tests.agentos_fabric.chat import CHAT, Asking, completer_settings, completion
from tests.agentos_governance.lifecycle import UNLIMITED, Office, open_office

pytestmark = pytest.mark.anyio

PRICES = {"input": "1000", "output": "4000", "cached": "100"}
"""USD per million: a thousand tokens are a dollar, so that small prompts show in budgets."""


@asynccontextmanager
async def scene(
    settings: Settings, *, contract: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[tuple[HttpDouble, Office, str]]:
    """An endpoint, an office that asks it, and a work order that w1 holds."""
    budgets = changes.pop("budgets", UNLIMITED)
    async with (
        HttpDouble() as double,
        open_office(
            settings,
            plugin=Asking(),
            plugins=("governance", "fabric"),
            fabric=completer_settings(double, **{"prices": PRICES, **changes}),
            budgets=budgets,
        ) as office,
    ):
        double.answer("POST", CHAT, json=completion("Yes."))
        order = await office.create(contract={"cost_budget_usd": "10", **(contract or {})})
        await office.claim("w1", order)
        yield double, office, order


async def money(office: Office, order: str) -> tuple[Decimal, Decimal]:
    cost = (await office.call("planner", "get_work_order", work_order=order))["cost"]
    return Decimal(cost["spent_usd"]), Decimal(cost["held_usd"])


async def test_an_answer_is_booked_on_the_work_order_by_the_price_table(
    settings: Settings,
) -> None:
    async with scene(settings) as (double, office, order):
        said = completion("Yes.", prompt_tokens_details={"cached_tokens": 10})
        double.answer("POST", CHAT, json=said)
        await office.call("w1", "ask_model", prompt="Right?")
        await office.call("w1", "ask_model", prompt="Right?")
        # 20 and 5 tokens; then 10 of the 20 from the cache.
        assert await money(office, order) == (Decimal("0.071"), Decimal(0))
        events = await office.events(f"work_order/{order}", "usage.recorded")
        assert [event["data"]["usd"] for event in events] == ["0.04", "0.031"]
        booked = events[1]["data"]
        assert (booked["model"], booked["action"], booked["worker"]) == (
            "tiny-1",
            "ask_model",
            "w1",
        )
        assert booked["price_version"] is not None
        await office.assert_consistent()


async def test_a_free_model_is_asked_and_its_tokens_are_booked(settings: Settings) -> None:
    async with scene(settings, prices={"input": "0", "output": "0"}) as (double, office, order):
        await office.call("w1", "ask_model", prompt="Right?")
        assert len(double.requests) == 1
        assert await money(office, order) == (Decimal(0), Decimal(0))
        (event,) = await office.events(f"work_order/{order}", "usage.recorded")
        booked = event["data"]
        assert (booked["usd"], booked["input_tokens"], booked["output_tokens"]) == ("0", 20, 5)
        await office.assert_consistent()


async def test_a_budget_that_does_not_cover_the_request_keeps_it_from_being_sent(
    settings: Settings,
) -> None:
    async with scene(settings, contract={"cost_budget_usd": "0.50"}) as (double, office, order):
        error = await office.refuse("w1", "ask_model", prompt="Right?", max_tokens=100)
        assert (error["code"], error["rule"]) == ("budget_exceeded", "cost_budget_usd")
        assert double.requests == []
        assert await money(office, order) == (Decimal(0), Decimal(0))


async def test_the_budgets_of_persons_and_of_the_organisation_count(settings: Settings) -> None:
    budgets = {**UNLIMITED, "organisation": [{"cap_usd": "0.90", "per_s": 3600}]}
    async with scene(settings, budgets=budgets) as (double, office, _):
        await office.call("w1", "ask_model", prompt="Right?", max_tokens=1)
        error = await office.refuse("w1", "ask_model", prompt="Right?", max_tokens=200)
        assert error["rule"] == "organisation_budget"
        assert len(double.requests) == 1


async def test_an_emergency_stop_keeps_models_from_being_asked(settings: Settings) -> None:
    async with scene(settings) as (double, office, _):
        await office.call("admin", "stop_spending", reason="Too much")
        assert (await office.refuse("w1", "ask_model", prompt="Right?"))["rule"] == "emergency_stop"
        assert double.requests == []


async def test_a_token_budget_refuses_a_request_that_could_exceed_it(settings: Settings) -> None:
    async with scene(settings, contract={"token_budget": 300}) as (double, office, _):
        assert (await office.refuse("w1", "ask_model", prompt="Right?"))["rule"] == "token_budget"
        assert double.requests == []


async def test_a_request_that_fails_gives_back_what_it_held(settings: Settings) -> None:
    async with scene(settings) as (double, office, order):
        double.answer("POST", CHAT, status=500, body=b"no")
        await office.call("w1", "ask_model", prompt="Right?")
        spent = await money(office, order)
        assert await office.code("w1", "ask_model", prompt="Right?") == "unavailable"
        assert await money(office, order) == spent
        await office.assert_consistent()


async def test_an_answer_without_text_is_paid_for(settings: Settings) -> None:
    async with scene(settings) as (double, office, order):
        double.answer("POST", CHAT, json=completion(None, reason="length"))
        await office.call("w1", "ask_model", prompt="Right?")
        assert (await office.refuse("w1", "ask_model", prompt="Right?"))["rule"] == "fail_closed"
        assert await money(office, order) == (Decimal("0.08"), Decimal(0))


async def test_a_caller_that_goes_away_leaves_nothing_held(settings: Settings) -> None:
    async with scene(settings) as (double, office, order):
        double.answer("POST", CHAT, json=completion("Late."), delay_s=30)
        await office.call("w1", "ask_model", prompt="Right?")
        asking = asyncio.create_task(office.call("w1", "ask_model", prompt="Right?"))
        await double.wait_for_requests(2)
        assert (await money(office, order))[1] > 0
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await money(office, order) == (Decimal("0.04"), Decimal(0))


async def test_a_model_without_a_price_is_not_asked(settings: Settings) -> None:
    async with scene(settings, prices=None) as (double, office, _):
        assert (await office.refuse("w1", "ask_model", prompt="Right?"))["rule"] == "fail_closed"
        completer = office.kernel.service(Completer)  # type: ignore[type-abstract]
        with pytest.raises(PluginError, match=r"fabric\.completer\.prices"):
            await completer.complete("P", system="S", max_tokens=1)
        assert double.requests == []


async def test_a_body_that_has_begun_to_write_may_not_ask(settings: Settings) -> None:
    async with scene(settings, contract={"allowed_tools": ["*"]}) as (double, office, _):
        assert (await office.refuse("admin", "write_then_ask"))["rule"] == "fail_closed"
        assert double.requests == []


async def test_the_background_counts_in_the_organisation_s_budget_alone(
    settings: Settings,
) -> None:
    budgets = {**UNLIMITED, "organisation": [{"cap_usd": "0.90", "per_s": 3600}]}
    async with scene(settings, budgets=budgets) as (double, office, order):
        completer = office.kernel.service(Completer)  # type: ignore[type-abstract]
        assert await completer.complete("P", system="S", max_tokens=1) == "Yes."
        with pytest.raises(CallRefusedError, match="organisation"):
            await completer.complete("P", system="S", max_tokens=200)
        assert len(double.requests) == 1
        assert await money(office, order) == (Decimal(0), Decimal(0))
