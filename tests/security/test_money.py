"""No budget is outrun, split, or given back twice (docs/security.md, class `money`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agentos import Kernel, Role, ToolResult
from agentos.testing.databases import TestDatabases
from agentos_governance.cost.budgets import Budgets, Money, settle
from agentos_governance.sweeper import sweep
from tests.agentos_governance.lifecycle import Office
from tests.security.arenas import delegate, held_by, open_arena, worker
from tests.security.catalogue import attempt

pytestmark = pytest.mark.anyio

BUDGETS: dict[str, list[Any]] = {"session": [], "process": [], "person": [], "organisation": []}
LOCKS = {"tools": ["show_file"], "paths": ["src/infra/**"], "max_unlock_s": 600}


@pytest.fixture(scope="module")
async def arena(
    anyio_backend: str, databases: TestDatabases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    home = tmp_path_factory.mktemp("money")
    async with open_arena(databases, home, budgets=BUDGETS, locks=LOCKS) as office:
        yield office


async def _paid(office: Office, who: str, cost: str = "0.40", **more: Any) -> ToolResult:
    return await office.dispatch(who, "ask_model", {"cost": cost}, **more)


async def _spent(office: Office, *orders: str) -> Decimal:
    spent = await office.kernel.database.fetch_value(
        "select coalesce(sum(usd), 0) from governance.ledger where work_order = any ($1::text[])",
        list(orders),
    )
    return Decimal(spent)


async def _budget(office: Office, order: str) -> tuple[Decimal | int, Decimal | int]:
    """What is held and spent of an order's own budget."""
    row = await office.kernel.database.fetch_row(
        "select held_usd, spent_usd from governance.budget where work_order = $1", order
    )
    assert row is not None
    return row["held_usd"], row["spent_usd"]


@attempt("money")
@pytest.mark.parametrize(
    "cost",
    [
        "-1",
        "-0.01",
        "+1",
        "NaN",
        "Infinity",
        "-Infinity",
        "sNaN",
        "1e-9",
        "1E5",
        "0x10",
        "1_000",
        "1,5",
        " 1",
        "1 ",
        "1\n",
        "\uff11",
        "\u0661",
        ".5",
        "5.",
        "",
        "0.00000000001",
        "10000000000",
        "9" * 400,
        0.1,
        -1,
        True,
        {"usd": "1"},
        ["1"],
    ],
    ids=ascii,
)
async def test_no_strange_amount_is_booked_or_granted(arena: Office, cost: Any) -> None:
    who = await worker(arena)
    order = await held_by(arena, who, {"cost_budget_usd": "1"})
    result = await arena.usage(who, order, "r", cost_usd=cost)
    assert result.error_code in ("invalid_argument", "budget_exceeded"), result.text
    assert await _budget(arena, order) == (0, 0)
    contract = {"cost_budget_usd": cost}
    arguments = {"title": "A", "objective": "A", "contract": contract}
    assert (await arena.dispatch("planner", "create_work_order", arguments)).is_error
    limit = {"layer": "person", "subject": who, "cap_usd": cost, "reason": "More"}
    assert (await arena.dispatch("admin", "set_budget", limit)).is_error


@attempt("money")
@pytest.mark.parametrize("tokens", [-1, -(10**18), 10**13, 1.5, "NaN", None], ids=str)
async def test_no_strange_number_of_tokens_is_booked(arena: Office, tokens: Any) -> None:
    who = await worker(arena)
    order = await held_by(arena, who, {"token_budget": 100})
    for field in ("input_tokens", "output_tokens", "cached_input_tokens"):
        result = await arena.usage(who, order, f"r-{field}", **{field: tokens})
        assert result.error_code == "invalid_argument", (field, result.text)
    assert await _budget(arena, order) == (0, 0)


@attempt("money")
async def test_a_stated_price_does_not_lift_the_budget_of_tokens(arena: Office) -> None:
    who = await worker(arena)
    order = await held_by(arena, who, {"token_budget": 100, "cost_budget_usd": "1"})
    free = await arena.usage(who, order, "a", cost_usd="0", input_tokens=101)
    assert free.error_code == "budget_exceeded"
    split = [
        arena.usage(who, order, f"s{n}", cost_usd="0", input_tokens=20, output_tokens=0)
        for n in range(12)
    ]
    results = await asyncio.gather(*split)
    assert sum(not each.is_error for each in results) == 5


@attempt("money")
async def test_a_request_id_is_booked_once_in_its_order_and_pays_for_no_other(
    arena: Office,
) -> None:
    who, other = await worker(arena), await worker(arena)
    first, second = await held_by(arena, who), await held_by(arena, other)
    results = await asyncio.gather(*(arena.usage(who, first, "one") for _ in range(8)))
    assert all(not each.is_error or each.error_code == "conflict" for each in results)
    assert await _spent(arena, first) == Decimal("0.1")
    for changed in ({"cost_usd": "0"}, {"input_tokens": 9}, {"model": "other"}, {"phase": "b"}):
        assert (await arena.usage(who, first, "one", **changed)).error_code == "conflict"
    assert not (await arena.usage(other, second, "one")).is_error
    assert await _spent(arena, second) == Decimal("0.1")
    assert (await arena.usage(other, first, "two")).is_error
    assert (await arena.usage(who, first, "two", cost_usd="0.95")).error_code == "budget_exceeded"


@attempt("money")
@pytest.mark.parametrize("layer", ["session", "process", "person", "organisation"])
async def test_no_layer_is_outrun_by_calls_at_once(arena: Office, layer: str) -> None:
    person = f"Person {layer}"
    names = [await worker(arena, person=person) for _ in range(3)]
    orders = [await held_by(arena, name, {"cost_budget_usd": "9"}) for name in names]
    n_callers = 3 if layer in ("person", "organisation") else 1
    token = await arena.kernel.database.fetch_value(
        "select id from kernel.token where worker = $1", names[0]
    )
    subject = {
        "session": f"{orders[0]}#1",
        "process": token,
        "person": person.upper(),
        "organisation": "",
    }[layer]
    limit = {"layer": layer, "subject": subject, "per_s": 60}
    arena.clock.advance(61)
    await arena.call("admin", "set_budget", cap_usd="1.00", reason="Little", **limit)
    try:
        for _ in range(2):
            before = await _spent(arena, *orders)
            results = await asyncio.gather(
                *(_paid(arena, names[n % n_callers], under=orders[n % n_callers]) for n in range(9))
            )
            assert {each.error_code for each in results} == {None, "budget_exceeded"}
            assert sum(not each.is_error for each in results) == 2
            assert await _spent(arena, *orders) - before == Decimal("0.80")
            arena.clock.advance(59.999_999)
            assert (await _paid(arena, names[0], "0.1")).error_code == "budget_exceeded"
            arena.clock.advance(0.000_001)
    finally:
        await arena.call("admin", "set_budget", reset=True, reason="As before", **limit)


@attempt("money")
async def test_only_an_admin_moves_a_cap(arena: Office) -> None:
    who = await worker(arena)
    await held_by(arena, who)
    await arena.join("bot-m", Role.BOT)
    for caller in (who, "planner", "reviewer", "bot-m"):
        for arguments in (
            {"layer": "person", "subject": who, "cap_usd": "1000"},
            {"layer": "person", "subject": who},
            {"layer": "organisation", "reset": True},
        ):
            code = await arena.code(caller, "set_budget", reason="More", **arguments)
            assert code == "call_refused"
        assert await arena.code(caller, "resume_spending", reason="Go on") == "call_refused"


def _money(office: Office, call: str, order: str, usd: str) -> Money:
    subjects = {"organisation": "", "person": "nobody"}
    return Money(call, order, Decimal(usd), office.clock.now(), subjects)


async def _settle(kernel: Kernel, call: str, usd: str, at: Any) -> Any:
    transaction = await kernel.open_transaction()
    try:
        settled = await settle(transaction, call, usd, at)
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise
    return settled


@attempt("money")
async def test_a_hold_is_settled_once_and_never_for_more_than_it_held(arena: Office) -> None:
    order = await arena.create(contract={"cost_budget_usd": "1"})
    kernel, now = arena.kernel, arena.clock.now()
    budgets, money = kernel.service(Budgets), _money(arena, f"{order}/a", order, "0.5")
    until = now + timedelta(seconds=60)
    for _ in range(3):
        assert await budgets.hold(kernel.database, money, until) is None
    assert await _budget(arena, order) == (Decimal("0.5"), 0)
    results = await asyncio.gather(*(_settle(kernel, money.call, "99", now) for _ in range(6)))
    assert sorted(each[1] for each in results) == [False] * 5 + [True]
    assert {each[0] for each in results} == {Decimal("0.5")}
    assert await _budget(arena, order) == (0, Decimal("0.5"))
    assert await budgets.hold(kernel.database, money, until) is not None
    for usd in ("0", "99"):
        assert (await _settle(kernel, money.call, usd, now))[0] == Decimal("0.5")
    assert await _settle(kernel, "never held", "1", now) is None
    assert await _budget(arena, order) == (0, Decimal("0.5"))


@attempt("money")
async def test_a_settlement_that_races_the_sweeper_frees_money_once(arena: Office) -> None:
    order = await arena.create(contract={"cost_budget_usd": "10"})
    kernel, now = arena.kernel, arena.clock.now()
    calls = [f"{order}/{n}" for n in range(8)]
    until = now + timedelta(seconds=1)
    for call in calls:
        money = _money(arena, call, order, "1")
        assert await kernel.service(Budgets).hold(kernel.database, money, until) is None
    assert await _budget(arena, order) == (8, 0)
    arena.clock.advance(2)
    late = [_settle(kernel, call, "1", arena.clock.now()) for call in calls]
    results = await asyncio.gather(*late, sweep(kernel), sweep(kernel))
    n_settled = sum(each is not None for each in results[:8])
    assert await _budget(arena, order) == (0, n_settled)
    await sweep(kernel)
    assert await _budget(arena, order) == (0, n_settled)


@attempt("money")
async def test_nothing_costs_after_the_emergency_stop_has_answered(arena: Office) -> None:
    who = await worker(arena)
    order = await held_by(arena, who, {"cost_budget_usd": "100"})
    await arena.call("reviewer", "stop_spending", reason="A loop")
    try:
        results = await asyncio.gather(
            *(_paid(arena, who, key=f"{order}{n}") for n in range(4)),
            *(arena.usage(who, order, f"u{n}") for n in range(4)),
            arena.dispatch(who, "ask_and_note", {"cost": "0.1"}),
        )
        assert {each.structured["error"]["rule"] for each in results} == {"emergency_stop"}
        assert await _budget(arena, order) == (0, 0)
        for caller in (who, "reviewer", "planner"):
            assert await arena.code(caller, "resume_spending", reason="Go on") == "call_refused"
    finally:
        await arena.call("admin", "resume_spending", reason="Found")
    assert not (await _paid(arena, who)).is_error


@attempt("money")
async def test_of_calls_that_race_the_stop_none_is_half_done(arena: Office) -> None:
    who = await worker(arena)
    order = await held_by(arena, who, {"cost_budget_usd": "100"})
    calls = [_paid(arena, who, "0.1") for _ in range(10)]
    stop = arena.call("admin", "stop_spending", reason="A loop")
    results = await asyncio.gather(*calls[:5], stop, *calls[5:])
    try:
        paid = [each for each in results if isinstance(each, ToolResult)]
        n_ran = sum(not each.is_error for each in paid)
        assert await _budget(arena, order) == (0, Decimal("0.1") * n_ran)
        assert (await _paid(arena, who, "0.1")).is_error
    finally:
        await arena.call("admin", "resume_spending", reason="Found")


@attempt("money")
async def test_an_unlock_opens_for_nobody_and_nothing_else(arena: Office) -> None:
    who, other = await worker(arena, person="Eve"), await worker(arena, person="Mallory")
    order, foreign = await held_by(arena, who), await held_by(arena, other)
    await arena.join("eve-reviewer", Role.REVIEWER, person="eve")

    async def unlock(by: str, **arguments: Any) -> str:
        fixed = {"seconds": 60, "reason": "Release", "pattern": "show_file", **arguments}
        return (await arena.dispatch(by, "unlock_tool", fixed)).error_code or "ok"

    assert await arena.code(who, "show_file") == "call_refused"
    for by in (who, "planner", "eve-reviewer"):
        assert await unlock(by, work_order=order) == "call_refused"
        assert await unlock(by, person="EVE") == "call_refused"
    assert await unlock("reviewer", work_order=order, seconds=601) == "invalid_argument"
    assert await unlock("reviewer", work_order=order, seconds=-1) == "invalid_argument"
    assert await unlock("reviewer", work_order=order, person="eve") == "invalid_argument"
    assert await unlock("reviewer", work_order=foreign) == "ok"
    assert await unlock("reviewer", work_order=order, pattern="src/infra/**") == "ok"
    assert await unlock("reviewer", person="Somebody") == "ok"
    assert await arena.code(who, "show_file") == "call_refused"
    await arena.call(other, "show_file")
    child = (await delegate(arena, other, foreign))["id"]
    await arena.claim(who, child)
    assert (await arena.dispatch(who, "show_file", {}, under=child)).is_error
    arena.clock.advance(60)
    assert await arena.code(other, "show_file") == "call_refused"


@attempt("money")
async def test_a_cost_that_a_tool_reports_wrongly_frees_nothing(arena: Office) -> None:
    who = await worker(arena)
    order = await held_by(arena, who, {"cost_budget_usd": "1"})
    for cost in ("-1", "NaN", "-Infinity", "Infinity", "1e99", "", "x"):
        await _paid(arena, who, cost)
        held, spent = await _budget(arena, order)
        assert held >= 0
        assert 0 <= spent + held <= 1, cost


@attempt("money")
async def test_whoever_claims_again_or_hands_on_does_not_begin_the_order_s_budget_anew(
    arena: Office,
) -> None:
    who, other = await worker(arena), await worker(arena)
    order = await held_by(arena, who, {"cost_budget_usd": "1"})
    n_paid = 0
    for name in (who, other, who, other):
        n_paid += sum([not (await _paid(arena, name)).is_error for _ in range(2)])
        await arena.call(name, "stand_down", work_order=order, reason="For the next")
        await arena.claim(other if name == who else who, order)
    assert n_paid == 2
    assert await _budget(arena, order) == (0, Decimal("0.8"))
