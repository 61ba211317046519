"""What guards may ask of an instance, collected when a transition has to be chosen.

Above: runs. Below: guards, `sql/workflows.sql`. The same names as in `GUARD_FACTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos import Transaction
from agentos_governance.orders import get_order
from agentos_governance.workflows.checkpoint import Checkpoint
from agentos_governance.workflows.definition import Definition, Transition
from agentos_governance.workflows.guards import compile_guard, guard_holds
from agentos_governance.workflows.store import workflow_sql


async def facts_of(
    transaction: Transaction, definition: Definition, at: Checkpoint, root: Any, trigger: str
) -> dict[str, object]:
    """The facts of an instance at a trigger; none where its definition has no guard."""
    if not any(t.when for state in definition.all_states for t in state.transitions):
        return {}
    facts: dict[str, object] = {
        "trigger": trigger,
        "visits": at.visits.get(at.state, 0),
        "transitions": at.n_transitions,
        "spent_usd": await transaction.fetch_value(workflow_sql.sum_spent, at.workflow),
        "budget_usd": root["cap_usd"],
        **{f"input.{name}": value for name, value in at.inputs.items()},
    }
    order = at.orders.get(at.state)
    if order is not None:
        facts["attempts"] = (await get_order(transaction, order))["epoch"]
        facts["evidence"] = await transaction.fetch_value(workflow_sql.count_order_evidence, order)
    return facts


def admits(
    definition: Definition, at: Checkpoint, transition: Transition, facts: Mapping[str, object]
) -> bool:
    """Whether a transition has no guard, or one that holds."""
    if transition.when is None:
        return True
    visits = at.visits.get(transition.to, 0)
    guard = compile_guard(definition, transition.when)
    return guard_holds(guard, {**facts, "target_visits": visits})
