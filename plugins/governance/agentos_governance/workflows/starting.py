"""Starts an instance: its root work order, its first event, the first state's work order.

Above: start_workflow. Below: creation, runs. What could not be made later (a contract that a state
would exceed) is refused now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agentos import InvalidArgumentError, Kernel, Transaction
from agentos_governance.contracts.model import Contract
from agentos_governance.contracts.narrowing import find_child_excess
from agentos_governance.creation import NewOrder, create_order
from agentos_governance.workflows import machine
from agentos_governance.workflows.checkpoint import Checkpoint
from agentos_governance.workflows.children import check_inputs, narrowed
from agentos_governance.workflows.definition import Definition, OrderTemplate, Scalar
from agentos_governance.workflows.run import Run
from agentos_governance.workflows.store import record

ROOT_ROLE = "workflow"


@dataclass(frozen=True, slots=True)
class NewWorkflow:
    """What an instance begins with; `repo` is the root of an inspected repository, or None."""

    definition: Definition
    title: str
    objective: str
    contract: Contract
    inputs: Mapping[str, Scalar]
    priority: int = 0
    repo: str | None = None


async def start(
    kernel: Kernel,
    transaction: Transaction,
    new: NewWorkflow,
    *,
    actor: str,
    person: str | None,
    now: datetime,
) -> str:
    """The id of a new instance, as far as it goes by itself, in the caller's transaction."""
    definition = new.definition
    check_inputs(definition.inputs, new.inputs)
    _check_contracts(definition, new.contract)
    root = NewOrder(
        title=new.title,
        objective=new.objective,
        contract=new.contract,
        phase=definition.name,
        role=ROOT_ROLE,
        priority=new.priority,
        repo=new.repo,
        waits_for_workflow=True,
    )
    workflow = await create_order(transaction, root, actor=actor, person=person, now=now)
    at = machine.begin(
        definition,
        Checkpoint(
            workflow=workflow,
            definition=definition.name,
            version=definition.version,
            started_by=actor,
            person=person,
            inputs=dict(new.inputs),
            status="running",
            state=definition.initial,
        ),
    )
    await record(
        transaction, "workflow.started", at, actor=actor, now=now, definition=definition.document
    )
    run = await Run.open(kernel, transaction, workflow, actor=actor)
    await run.to_rest()
    return workflow


def _check_contracts(definition: Definition, root: Contract) -> None:
    for where, template, has_effects in _templates(definition):
        child = narrowed(root, template, has_effects=has_effects)
        for excess in find_child_excess(child, root):
            raise InvalidArgumentError(
                f"contract: the work order of {where} would exceed it: {excess}",
                remedy="give the workflow a contract that covers every state of its definition",
            )


def _templates(definition: Definition) -> list[tuple[str, OrderTemplate, bool]]:
    found = []
    for state in definition.all_states:
        if state.order is not None:
            found.append((state.name, state.order, state.effects))
        uses = [u.compensation for t in state.transitions for u in t.actions if u.compensation]
        for compensation in [*state.compensations, *uses]:
            if compensation.order is not None:
                found.append((f"{state.name}'s compensation", compensation.order, True))
    return found
