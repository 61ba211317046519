"""Issue 3: separation of duties, by person, in workflows: who did it does not check it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentos import (
    Authorizer,
    Role,
    Settings,
    Tool,
    ToolCall,
    Transaction,
    Verdict,
    hookimpl,
)
from agentos.events.rebuild import check_read_models
from agentos_governance.workflows.actions import ACTIONS
from agentos_governance.workflows.checks import find_problems
from agentos_governance.workflows.definition import definition_of
from agentos_governance.workflows.registry import shipped_definitions
from tests.agentos_governance.lifecycle import Office, open_office
from tests.agentos_governance.workflows.driving import (
    UNREVIEWED,
    do,
    order_of,
    show,
    signal,
    start,
    walk,
)

pytestmark = pytest.mark.anyio
BY_NAME = {action.name: action for action in ACTIONS}


async def execute(office: Office, statement: str, *arguments: object) -> None:
    """Change the database behind the server's back."""
    async with office.kernel.database.connection() as connection:
        await connection.execute(statement, *arguments)


async def to_validation(office: Office, who: str = "w1") -> tuple[str, str]:
    """A workflow whose executor was `who`, and its validation's order."""
    workflow = (await start(office))["id"]
    details = await walk(office, workflow, ["plan"])
    await do(office, order_of(details, "execute"), who=who)
    return workflow, order_of(await show(office, workflow), "validate")


async def test_the_executor_may_not_claim_the_validation_of_its_work(settings: Settings) -> None:
    async with open_office(settings) as office:
        _, validation = await to_validation(office)
        refused = await office.refuse("w1", "claim_work_order", work_order=validation)
        assert (refused["code"], refused["rule"]) == ("call_refused", "four_eyes")
        assert validation in refused["message"] and refused["remedy"]
        assert await office.state(validation) == "ready"
        await do(office, validation, who="w2")
        await office.assert_consistent()


@pytest.mark.parametrize(
    ("executor", "validator"),
    [
        ("alice", "Alice"),
        ("alice", "\uff41lice"),
        ("alice", "\u0430lice"),
        ("alice", "ali\u2800ce"),
    ],
    ids=["case", "fullwidth", "cyrillic", "invisible"],
)
async def test_a_person_is_the_same_under_another_worker_and_spelling(
    settings: Settings, executor: str, validator: str
) -> None:
    async with open_office(settings) as office:
        await office.join("laptop", Role.WORKER, person=executor)
        await office.join("desktop", Role.WORKER, person=validator)
        _, validation = await to_validation(office, "laptop")
        refused = await office.refuse("desktop", "claim_work_order", work_order=validation)
        assert refused["rule"] == "four_eyes"


async def test_a_token_without_a_person_is_still_its_workers_person(settings: Settings) -> None:
    async with open_office(settings) as office:
        await office.join("bound", Role.WORKER, worker="w1", person="Alice")
        await office.join("elsewhere", Role.WORKER, person="alice")
        _, validation = await to_validation(office, "w1")
        for who in ("w1", "bound", "elsewhere"):
            refused = await office.refuse(who, "claim_work_order", work_order=validation)
            assert refused["rule"] == "four_eyes", who


async def test_a_claim_by_role_passes_over_what_is_kept_from_the_claimant(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        kept = [(await to_validation(office))[1] for _ in range(2)]
        free = await office.create("Free", role="validator")
        claimed = await office.call("w1", "claim_work_order", role="validator")
        assert claimed["work_order"]["id"] == free
        assert await office.code("w1", "claim_work_order", role="validator") == "not_found"
        assert [await office.state(order) for order in kept] == ["ready", "ready"]
        by_other = await office.call("w2", "claim_work_order", role="validator")
        assert by_other["work_order"]["id"] in kept


async def test_more_orders_kept_from_a_worker_than_a_claim_tries_do_not_hide_the_next(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        _, validation = await to_validation(office)
        # Copies of one order: what 25 workflows would leave, without walking them all.
        await execute(
            office,
            "insert into governance.work_order select (jsonb_populate_record(w, jsonb_build_object("
            "'id', 'WO-COPY' || n, 'priority', 5))).* from governance.work_order w,"
            " generate_series(1, 25) n where w.id = $1",
            validation,
        )
        free = await office.create("Free", role="validator")
        claimed = await office.call("w1", "claim_work_order", role="validator")
        assert claimed["work_order"]["id"] == free


async def test_whoever_was_taken_over_and_whoever_finished_are_both_kept_away(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        workflow = (await start(office))["id"]
        execution = order_of(await walk(office, workflow, ["plan"]), "execute")
        await office.claim("w1", execution)
        await office.expire()
        await do(office, execution, who="w2")
        validation = order_of(await show(office, workflow), "validate")
        for who in ("w1", "w2"):
            refused = await office.refuse(who, "claim_work_order", work_order=validation)
            assert refused["rule"] == "four_eyes", who
        await do(office, validation, who="w3")


async def test_every_visit_of_a_state_counts_after_rework(settings: Settings) -> None:
    async with open_office(settings) as office:
        workflow, validation = await to_validation(office, "w1")
        await office.claim("w2", validation)
        details = await signal(office, "w2", validation, "rework")
        await do(office, order_of(details, "execute"), who="w2")
        again = order_of(await show(office, workflow), "validate")
        shown = await office.call("planner", "get_work_order", work_order=again)
        assert len(shown["not_by_orders"]) == 2
        for who in ("w1", "w2"):
            refused = await office.refuse(who, "claim_work_order", work_order=again)
            assert refused["rule"] == "four_eyes", who


async def test_who_did_a_delegated_part_and_who_is_handed_a_part_are_kept_apart(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        workflow = (await start(office))["id"]
        execution = order_of(await walk(office, workflow, ["plan"]), "execute")
        await office.claim("w1", execution)
        await do(office, await delegate(office, "w1", execution), who="w2")
        await office.submit("w1", execution)
        validation = order_of(await show(office, workflow), "validate")
        assert (await office.refuse("w2", "claim_work_order", work_order=validation))["rule"]
        await office.claim("w3", validation)
        part = await delegate(office, "w3", validation, allowed_roots=[])
        for who in ("w1", "w2"):
            refused = await office.refuse(who, "claim_work_order", work_order=part)
            assert refused["rule"] == "four_eyes", who


async def delegate(office: Office, who: str, parent: str, **contract: Any) -> str:
    """A child of what a worker holds."""
    made = await office.call(
        who,
        "create_work_order",
        title="Part",
        objective="A part of it",
        parent=parent,
        contract={**UNREVIEWED, "cost_budget_usd": "0.1", **contract},
    )
    return str(made["id"])


async def test_of_many_claims_at_once_only_those_of_others_are_considered(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        await office.join("w1 again", Role.WORKER, worker="w1")
        _, validation = await to_validation(office)
        callers = ["w1", "w1 again"] * 4 + ["w2"]
        results = await asyncio.gather(
            *(office.dispatch(w, "claim_work_order", {"work_order": validation}) for w in callers)
        )
        assert [not result.is_error for result in results] == [False] * 8 + [True]


class Binds:
    """Does something when a claim begins its transaction: after what is looked at before it."""

    def __init__(self) -> None:
        self.strike: Callable[[], Awaitable[None]] | None = None

    @hookimpl
    def wrap_tool_call(self, tool: Tool) -> Authorizer:
        return Authorizer(self._arm)

    async def _arm(self, call: ToolCall) -> Verdict | None:
        async def strike(transaction: Transaction) -> None:
            strike, self.strike = self.strike, None
            if strike is not None:
                await strike()

        call.guards.insert(0, strike)
        return None


async def test_the_decision_falls_inside_the_transaction_of_the_claim(settings: Settings) -> None:
    plugin = Binds()
    async with open_office(settings, plugin=plugin) as office:
        _, validation = await to_validation(office)
        plugin.strike = lambda: office.join("w2 of w1", Role.WORKER, worker="w2", person="W1")
        refused = await office.refuse("w2", "claim_work_order", work_order=validation)
        assert plugin.strike is None and refused["rule"] == "four_eyes"
        assert await office.state(validation) == "ready"


async def test_a_migration_needs_a_second_person_for_review_validation_and_promotion(
    settings: Settings,
) -> None:
    async with open_office(settings) as office:
        workflow = (await start(office, "migration"))["id"]
        details = await walk(office, workflow, ["analyse", "plan"])
        for state, following in (
            ("review_plan", ["review_plan", "execute"]),
            ("validate", ["validate", "canary"]),
            ("promote", ["promote"]),
        ):
            order = order_of(details, state)
            refused = await office.refuse("w1", "claim_work_order", work_order=order)
            assert refused["rule"] == "four_eyes", state
            details = await walk(office, workflow, following)
        assert details["status"] == "completed"


async def test_work_orders_of_before_the_field_keep_nobody_away(settings: Settings) -> None:
    async with open_office(settings) as office:
        order = await office.create()
        await execute(
            office,
            "update kernel.event set data = data - 'not_by_orders' where type = 'work_order.created'",
        )
        report = await check_read_models(
            office.kernel.database, office.kernel.events, office.kernel.read_models
        )
        assert report.ok, report
        shown = await office.call("planner", "get_work_order", work_order=order)
        assert shown["not_by_orders"] == []
        await office.claim("w1", order)


def _changed(state: str, **fields: Any) -> list[str]:
    definition = next(d for d in shipped_definitions() if d.name == "planner_executor_validator")
    document = definition.model_dump(mode="json", exclude_unset=True)
    for each in document["states"]:
        if each["name"] == state:
            each.update(fields)
    return find_problems(definition_of(document), BY_NAME)


@pytest.mark.parametrize(
    ("state", "not_by", "problem"),
    [
        ("validate", ["exekute"], "state validate: not_by names exekute"),
        ("validate", ["validate"], "not_by names validate, which is no other work state"),
        ("validate", ["done"], "not_by names done"),
        ("plan", ["validate"], "not_by names validate, which is never before it"),
        ("done", ["execute"], "only a work state is kept apart"),
    ],
)
async def test_a_check_refuses_names_that_keep_nobody_away(
    state: str, not_by: list[str], problem: str
) -> None:
    problems = _changed(state, not_by=not_by)
    assert any(problem in said for said in problems), problems


async def test_a_state_may_be_kept_from_those_of_an_earlier_round() -> None:
    assert _changed("execute", not_by=["plan", "validate"]) == []
