"""The work orders of an instance: templates filled in, contracts narrowed from the root's.

Above: the reactor, start_workflow. Below: creation of work orders, contracts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentos import InvalidArgumentError, Transaction, redact
from agentos_governance.contracts.model import Contract, contract_document, parse_contract, usd_text
from agentos_governance.creation import NewOrder
from agentos_governance.orders import get_order
from agentos_governance.workflows.checkpoint import Checkpoint
from agentos_governance.workflows.definition import OrderTemplate, share_of
from agentos_governance.workflows.store import workflow_sql

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)\}")
MAX_TITLE = 200
MAX_OBJECTIVE = 20_000
_REPLACED = ("allowed_roots", "allowed_tools", "commands_allowed", "network", "token_budget")
_TIMES = ("wall_clock_s", "lease_ttl_s")


def narrowed(root: Contract, template: OrderTemplate, *, has_effects: bool) -> Contract:
    """The contract of a state's work order: the root's, less what the template leaves out.

    The root's constraints bind its children as it is; they are not repeated, so that a LIMIT
    counts once. What evidence the root owes is owed by the states that have effects.
    """
    document, own = contract_document(root), template.contract
    given = own.model_dump(mode="json", exclude_none=True)
    document |= {name: given[name] for name in (*_REPLACED, *_TIMES) if name in given}
    # A template that asks for another quorum keeps the root's reviewers and times.
    document["review"] = document["review"] | given.get("review", {})
    document["constraints"] = list(own.constraints)
    document["forbidden_actions"] = _joined(root.forbidden_actions, own.forbidden_actions)
    owed = root.evidence_required if has_effects else []
    document["evidence_required"] = _joined(owed, own.evidence_required)
    if not has_effects:
        document["allowed_roots"] = []
    if own.cost_share is not None:
        document["cost_budget_usd"] = usd_text(share_of(root.cost_budget_usd, own.cost_share))
    return parse_contract(document)


def _joined(first: list[str], second: list[str]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))


async def new_child(
    transaction: Transaction,
    root: Any,
    at: Checkpoint,
    template: OrderTemplate,
    *,
    state: str,
    has_effects: bool,
    not_by: Sequence[str] = (),
) -> NewOrder:
    """The work order that a state or a compensation needs now, below the root's locked row."""
    values = await _values(transaction, root, at, f"{template.title}\n{template.objective}")
    return NewOrder(
        title=filled(template.title, values)[:MAX_TITLE],
        objective=filled(template.objective, values)[:MAX_OBJECTIVE],
        contract=narrowed(parse_contract(root["contract"]), template, has_effects=has_effects),
        phase=state,
        role=template.role,
        parent=root["id"],
        priority=root["priority"],
        repo=root["repo"] if template.has_repo else None,
        not_by_orders=await _orders_of(transaction, at.workflow, not_by),
    )


async def _orders_of(
    transaction: Transaction, workflow: str, states: Sequence[str]
) -> tuple[str, ...]:
    """Every work order of the states, those of earlier visits too."""
    if not states:
        return ()
    rows = await transaction.fetch(workflow_sql.list_orders_of_states, workflow, list(states))
    return tuple(row["work_order"] for row in rows)


def filled(text: str, values: Mapping[str, str]) -> str:
    """A template with its placeholders filled in, once: values are not looked at again."""
    return PLACEHOLDER.sub(lambda found: values.get(found[1], ""), text)


def placeholders(text: str) -> set[str]:
    """The names in braces."""
    return set(PLACEHOLDER.findall(text))


async def _values(transaction: Transaction, root: Any, at: Checkpoint, text: str) -> dict[str, str]:
    values = {
        "title": str(root["title"]),
        "objective": str(root["objective"]),
        "reason": at.reason,
        **{f"input.{name}": _shown(value) for name, value in at.inputs.items()},
        **{f"order.{state}": order for state, order in at.orders.items()},
    }
    for state, order in at.orders.items():
        if f"workspace.{state}" in placeholders(text):
            row = await get_order(transaction, order)
            values[f"workspace.{state}"] = row["workspace"] or ""
    return values


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_inputs(kinds: Mapping[str, str], given: Mapping[str, Any]) -> None:
    """InvalidArgumentError where inputs are not those that a definition declares."""
    unknown = sorted(given.keys() - kinds.keys())
    if unknown:
        raise InvalidArgumentError(
            f"the workflow has no input {unknown[0]!r}; it takes: {', '.join(kinds) or 'none'}"
        )
    if redact(dict(given)) != dict(given):
        raise InvalidArgumentError("an input contains what looks like a secret; leave it out")
    for name, value in given.items():
        kind = kinds[name]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = {"text": isinstance(value, str), "number": is_number}.get(
            kind, isinstance(value, bool)
        )
        if not fits:
            raise InvalidArgumentError(f"input {name!r} must be a {kind}")
