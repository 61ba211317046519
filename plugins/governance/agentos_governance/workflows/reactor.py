"""Drives instances: by committed events at once, by the sweeper whatever was missed.

Above: the plugin's `on_event`, the sweeper, the tools. Below: runs, actions. Everything here may
happen in any number of processes and be killed between any two steps: a move is one transaction
under the root's lock, and what is to be done next follows from the checkpoint alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from agentos import Event, Kernel, UnavailableError
from agentos_governance.due_rows import take_up
from agentos_governance.workflows.actions import ActionRegistry, StepContext
from agentos_governance.workflows.checkpoint import Checkpoint, Step
from agentos_governance.workflows.run import Run
from agentos_governance.workflows.store import load, workflow_sql

OUTSIDE_TIMEOUT_S = 60.0
SWEEP_TIMEOUT_S = 10 * OUTSIDE_TIMEOUT_S
"""Of one instance, which may have several steps to take."""
OUTCOME_EVENTS = frozenset(
    {
        "work_order.completed",
        "work_order.failed",
        "work_order.cancelled",
        "work_order.changes_requested",
    }
)

_log = structlog.get_logger(__name__)


def reaction_to(event: Event) -> Callable[[Kernel], Awaitable[None]] | None:
    """What a committed event asks of the reactor, or None."""
    if event.type in OUTCOME_EVENTS:
        work_order = event.data["work_order"]

        async def look(kernel: Kernel) -> None:
            workflow = await kernel.database.fetch_value(workflow_sql.find_workflow_of, work_order)
            if workflow is not None and workflow != work_order:
                await advance(kernel, workflow)

        return look
    if event.type.startswith("workflow.") and (event.data.get("checkpoint") or {}).get("steps"):
        workflow = event.data["workflow"]

        async def go_on(kernel: Kernel) -> None:
            await advance(kernel, workflow)

        return go_on
    return None


async def advance(kernel: Kernel, workflow: str) -> Checkpoint:
    """Do everything that can be done for an instance now; where it stands after that."""
    while True:
        at, step = await _advance_inside(kernel, workflow)
        if step is None or not await _take_outside(kernel, at, step):
            return at


async def advance_due(kernel: Kernel) -> int:
    """Look after instances that an event did not move: a process died, or an action was put off."""

    async def go_on(row: Any) -> int:
        await advance(kernel, row["id"])
        return 1

    return await take_up(
        kernel, "workflows", workflow_sql.find_due, act=go_on, timeout_s=SWEEP_TIMEOUT_S
    )


async def _advance_inside(kernel: Kernel, workflow: str) -> tuple[Checkpoint, Step | None]:
    transaction = await kernel.open_transaction()
    try:
        run = await Run.open(kernel, transaction, workflow)
        before = run.at
        await run.to_rest()
        if run.at is before:
            await transaction.rollback()
        else:
            await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise
    if run.at is not before:
        kernel.bus.announce()
    return run.at, run.outside_step


async def _take_outside(kernel: Kernel, at: Checkpoint, step: Step) -> bool:
    """Take a step outside a transaction; False where another process does, or it has to wait."""
    async with kernel.database.connection() as connection:
        # The session's lock ends with this process, so nobody waits for a dead one.
        if not await connection.fetchval(workflow_sql.try_step, at.workflow):
            return False
        try:
            current = await load(kernel.database, at.workflow)
            if not current.steps or current.steps[0].number != step.number:
                return True
            try:
                said, failure = await _run_action(kernel, current, step), None
            except UnavailableError as error:
                _log.warning("workflow_step_put_off", workflow=at.workflow, reason=error.message)
                return False
            # An action may be a plugin's; whatever it raises is its failure.
            except Exception as error:  # noqa: BLE001
                _log.warning("workflow_step_failed", workflow=at.workflow, exc_info=error)
                said, failure = "", str(error) or type(error).__name__
            await _record_outside(kernel, at.workflow, step, said, failure)
            return True
        finally:
            await connection.fetchval(workflow_sql.leave_step, at.workflow)


async def _run_action(kernel: Kernel, at: Checkpoint, step: Step) -> str:
    assert step.action is not None
    action = kernel.service(ActionRegistry).get(step.action)
    context = StepContext(
        kernel=kernel,
        workflow=at.workflow,
        step=step,
        now=kernel.clock.now(),
        reason=at.reason,
        transaction=None,
    )
    async with asyncio.timeout(OUTSIDE_TIMEOUT_S):
        return await action.run(context)


async def _record_outside(
    kernel: Kernel, workflow: str, step: Step, said: str, failure: str | None
) -> None:
    transaction = await kernel.open_transaction()
    try:
        run = await Run.open(kernel, transaction, workflow)
        if failure is None:
            await run.step_done(step, said)
        else:
            await run.step_failed(step, failure)
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise
    kernel.bus.announce()
