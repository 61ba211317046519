"""Takes workflows through their states in tests: who claims, records, submits and reviews.

Above: the tests of workflows. Below: the office of the life-cycle tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from agentos_governance.workflows.reactor import advance
from agentos_governance.workflows.store import load
from tests.agentos_governance.lifecycle import CONTRACT, Office

SAGA = "planner_executor_validator"
KEPT_APART = frozenset({"review_plan", "validate", "promote"})
"""States of the definitions that ship which are not for whoever did the others."""
UNREVIEWED: Mapping[str, Any] = {**CONTRACT, "review": {"required": False}}


async def start(
    office: Office,
    definition: str = SAGA,
    *,
    contract: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> dict[str, Any]:
    """What starting a workflow answers; without `contract`, no state needs a review."""
    return await office.call(
        "planner",
        "start_workflow",
        definition=definition,
        title="Job",
        objective="Do the job",
        contract=dict(contract or UNREVIEWED),
        **arguments,
    )


async def show(office: Office, workflow: str) -> dict[str, Any]:
    """The instance after everything the reactor can do for it now, here or in the background."""
    async with asyncio.timeout(60):
        while any(step.action for step in (await advance(office.kernel, workflow)).steps[:1]):
            if (await load(office.kernel.database, workflow)).status == "compensation_failed":
                break
    return await office.call("planner", "get_workflow", work_order=workflow)


def order_of(details: Mapping[str, Any], state: str) -> str:
    """The newest work order of a state."""
    found = [o["work_order"] for o in details["work_orders"] if o["state"] == state]
    return str(found[-1])


async def do(office: Office, order: str, *, who: str = "w1") -> None:
    """Claim a work order, record what it owes, and submit it; it needs no review."""
    claim = await office.claim(who, order)
    for kind in claim["work_order"]["contract"]["evidence_required"]:
        await office.call(
            who, "record_evidence", work_order=order, kind=kind, claim=f"{kind}!", content="seen"
        )
    assert (await office.submit(who, order))["state"] == "completed"


async def walk(office: Office, workflow: str, states: Sequence[str]) -> dict[str, Any]:
    """Do the work of the states in turn, by two workers; the instance after it."""
    details = await show(office, workflow)
    for state in states:
        assert details["state"].rpartition("/")[2] == state, details["text"]
        who = "w2" if state in KEPT_APART else "w1"
        await do(office, order_of(details, state), who=who)
        details = await show(office, workflow)
    return details


async def signal(office: Office, who: str, order: str, name: str) -> dict[str, Any]:
    """What a signal that must be taken answers."""
    return await office.call(
        who, "signal_workflow", work_order=order, signal=name, reason=f"Because {name}"
    )
