"""One instance in one transaction: everything that can be done for it now, each move an event.

Above: the reactor and the tools, which open the transaction and commit it. Below: the machine
(which move), the store (its event), creation and endings (its work orders). Whoever runs an
instance holds the lock of its root work order, so moves of one instance follow each other,
whatever the number of processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from agentos import (
    ConflictError,
    InvalidStateError,
    Kernel,
    ToolError,
    Transaction,
    UnavailableError,
)
from agentos_governance.creation import create_order
from agentos_governance.endings import cancel_children, cancel_order, complete_order, fail_order
from agentos_governance.orders import OPEN_STATES, lock_order
from agentos_governance.projections import work_order_stream
from agentos_governance.workflows import machine
from agentos_governance.workflows.actions import SYSTEM, ActionRegistry, StepContext
from agentos_governance.workflows.checkpoint import Checkpoint, Step
from agentos_governance.workflows.children import new_child
from agentos_governance.workflows.definition import Definition, OrderTemplate, State, Transition
from agentos_governance.workflows.facts import admits, facts_of
from agentos_governance.workflows.machine import Guard, Move
from agentos_governance.workflows.store import DefinitionCache, load, record, workflow_sql

_PASSING = (UnavailableError, ConflictError)
"""What a repeat may cure: never a reason to roll back."""


class Run:
    """The moves of one instance; `at` is the checkpoint after the last one."""

    def __init__(
        self,
        kernel: Kernel,
        transaction: Transaction,
        definition: Definition,
        at: Checkpoint,
        root: Any,
        *,
        actor: str,
        now: datetime,
    ) -> None:
        self.at = at
        self.definition = definition
        self._kernel = kernel
        self._transaction = transaction
        self._root = root
        self._actor = actor
        self._now = now

    @classmethod
    async def open(
        cls, kernel: Kernel, transaction: Transaction, workflow: str, *, actor: str = SYSTEM
    ) -> Run:
        """The instance, locked until the transaction ends; NotFoundError for an unknown id."""
        await load(transaction, workflow)
        root = await lock_order(transaction, workflow)
        at = await load(transaction, workflow)
        definition = await kernel.service(DefinitionCache).get(transaction, at.version)
        return cls(kernel, transaction, definition, at, root, actor=actor, now=kernel.clock.now())

    async def to_rest(self) -> None:
        """Move until somebody else is needed: a worker, a person, or the server outside."""
        while self.at.is_open and await self._move_on():
            pass

    @property
    def outside_step(self) -> Step | None:
        """The step that waits to be taken outside a transaction."""
        if not self.at.is_open or not self.at.steps or self.at.steps[0].action is None:
            return None
        return self.at.steps[0]

    async def signal(self, name: str, reason: str, by: str) -> None:
        """Fire a signal's transition; InvalidStateError where none takes it from this role."""
        if self.at.status != "running":
            raise InvalidStateError(f"{self.at.workflow} is {self.at.status}")
        self._require_no_steps()
        trigger = f"signal:{name}"
        guard = await self._guard(trigger)

        def holds(transition: Transition) -> bool:
            return by in transition.by and guard(transition)

        move = machine.find_move(self.definition, self.at, trigger, reason, holds)
        if move is None:
            raise InvalidStateError(
                f"no transition takes the signal {name!r} from the role {by} in state "
                f"{self.definition.path(self.at.state)}",
                remedy="get_workflow shows the transitions",
            )
        await self._transition(move, by=self._actor)

    async def cancel(self, reason: str) -> None:
        """Give up: roll back whatever was done."""
        if self.at.status != "running":
            raise InvalidStateError(f"{self.at.workflow} is {self.at.status}")
        self._require_no_steps()
        move = machine.roll_back(self.definition, self.at, "signal:cancel", reason)
        await self._transition(move, by=self._actor)

    async def retry(self, reason: str, *, skip: bool) -> None:
        """Take up a failed compensation again, or leave it out."""
        if self.at.status != "compensation_failed":
            raise InvalidStateError(f"{self.at.workflow} is {self.at.status}, no step of it failed")
        step = self.at.steps[0]
        after = self.at.changed(status="compensating", work_order=None, seen_seq=0)
        if skip:
            after = machine.without_step(after)
        await self._record("workflow.retried", after, step=step.number, skipped=skip, reason=reason)

    async def step_done(self, step: Step, said: str) -> None:
        """Record that the first step was taken; nothing happens if it is recorded already."""
        if self._is_next(step):
            after = machine.without_step(self.at)
            await self._record("workflow.step_taken", after, **_described(step), said=said[:2_000])

    async def step_failed(self, step: Step, why: str) -> None:
        """Record that the first step failed: an action rolls back, a compensation needs a person."""
        if not self._is_next(step):
            return
        why = why[:2_000]
        if step.purpose == "compensation":
            after = self.at.changed(status="compensation_failed", reason=why)
            await self._record("workflow.step_failed", after, **_described(step), reason=why)
            return
        await self._record(
            "workflow.step_failed", self.at.changed(steps=[]), **_described(step), reason=why
        )
        reason = f"action {step.action} failed: {why}"
        await self._transition(machine.roll_back(self.definition, self.at, "failed", reason))

    def _is_next(self, step: Step) -> bool:
        return self.at.is_open and bool(self.at.steps) and self.at.steps[0].number == step.number

    def _require_no_steps(self) -> None:
        if self.at.steps:
            raise ConflictError(
                f"{self.at.workflow} is just taking a step of its own",
                remedy="repeat the signal in a moment",
            )

    async def _move_on(self) -> bool:
        """One move; False where there is none to make here."""
        if self.at.steps:
            return await self._take_step(self.at.steps[0])
        if self.at.status == "compensating":
            return await self._end("rolled_back")
        state = self.definition.by_name[self.at.state]
        if state.kind == "final":
            return await self._finish_state()
        if state.order is None:
            return False
        if self.at.work_order is None:
            return await self._make_order(state, state.order)
        return await self._look_at_outcome(self.at.work_order)

    async def _finish_state(self) -> bool:
        ended = machine.finished_group(self.definition, self.at)
        if ended is not None:
            group, outcome = ended
            move = machine.find_move(
                self.definition,
                self.at,
                outcome,
                self.at.reason,
                await self._guard(outcome),
                group=group,
            )
            assert move is not None, "a failed or completed group always leads somewhere"
            return await self._transition(move)
        if self.definition.by_name[self.at.state].outcome == "completed":
            return await self._end("completed")
        after = machine.begin_compensation(self.at)
        return await self._record("workflow.compensating", after, reason=after.reason)

    async def _look_at_outcome(self, work_order: str) -> bool:
        outcome = await self._outcome(work_order)
        if outcome is None:
            return False
        trigger, reason, seq = outcome
        guard = await self._guard(trigger)
        move = machine.find_move(self.definition, self.at, trigger, reason, guard)
        if move is None:
            after = self.at.changed(seen_seq=seq)
            return await self._record("workflow.trigger_ignored", after, trigger=trigger)
        return await self._transition(move)

    async def _outcome(self, work_order: str) -> tuple[str, str, int] | None:
        row = await self._transaction.fetch_row(
            workflow_sql.find_outcome, work_order_stream(work_order), self.at.seen_seq
        )
        if row is None:
            return None
        return row["type"].removeprefix("work_order."), row["reason"] or "", row["seq"]

    async def _transition(self, move: Move, *, by: str | None = None) -> bool:
        left = self.at.work_order
        if left is not None:
            await self._cancel_left(left, move)
        guard = move.transition.when if move.transition else None
        return await self._record(
            "workflow.transitioned",
            move.after,
            source=self.definition.path(move.source),
            target=self.definition.path(move.target),
            trigger=move.trigger,
            guard=guard,
            reason=move.after.reason,
            work_order=left,
            by=by,
        )

    async def _cancel_left(self, work_order: str, move: Move) -> None:
        """A state that is left leaves no open work behind."""
        if (await lock_order(self._transaction, work_order))["state"] in OPEN_STATES:
            reason = f"the workflow went on to {move.target} on {move.trigger}"
            await cancel_order(
                self._transaction, work_order, reason, actor=self._actor, now=self._now
            )

    async def _make_order(self, state: State, template: OrderTemplate) -> bool:
        try:
            work_order = await self._create(
                template, state.name, has_effects=state.effects, not_by=state.not_by
            )
        except _PASSING:
            raise
        except ToolError as error:
            reason = f"the work order of {self.at.state} cannot be made: {error.message}"
            return await self._transition(
                machine.roll_back(self.definition, self.at, "failed", reason)
            )
        after = machine.with_order(self.definition, self.at, work_order)
        return await self._record_order(after, work_order, self.at.state, "work")

    async def _create(
        self, template: OrderTemplate, state: str, *, has_effects: bool, not_by: Sequence[str] = ()
    ) -> str:
        # A savepoint: what a refused work order had begun to write is gone.
        async with self._transaction.connection.transaction():
            child = await new_child(
                self._transaction,
                self._root,
                self.at,
                template,
                state=state,
                has_effects=has_effects,
                not_by=not_by,
            )
            return await create_order(
                self._transaction,
                child,
                actor=self.at.started_by,
                person=self.at.person,
                now=self._now,
            )

    async def _record_order(
        self, after: Checkpoint, work_order: str, state: str, purpose: str
    ) -> bool:
        return await self._record(
            "workflow.order_created",
            after,
            work_order=work_order,
            state=state,
            visit=after.visits.get(state, 0),
            purpose=purpose,
        )

    async def _take_step(self, step: Step) -> bool:
        if step.order is not None:
            return await self._take_order_step(step, step.order)
        assert step.action is not None
        try:
            action = self._kernel.service(ActionRegistry).get(step.action)
            if not action.is_transactional:
                return False
            async with self._transaction.connection.transaction():
                said = await action.run(self._context(step))
        except _PASSING:
            raise
        except ToolError as error:
            await self.step_failed(step, error.message)
            return True
        await self.step_done(step, said)
        return True

    async def _take_order_step(self, step: Step, template: OrderTemplate) -> bool:
        """A compensation that somebody carries out as a work order."""
        if self.at.work_order is None:
            try:
                work_order = await self._create(template, step.state, has_effects=True)
            except _PASSING:
                raise
            except ToolError as error:
                await self.step_failed(step, error.message)
                return True
            after = self.at.changed(work_order=work_order, seen_seq=0)
            return await self._record_order(after, work_order, step.state, "compensation")
        outcome = await self._outcome(self.at.work_order)
        if outcome is None:
            return False
        trigger, reason, seq = outcome
        if trigger == "changes_requested":
            after = self.at.changed(seen_seq=seq)
            return await self._record("workflow.trigger_ignored", after, trigger=trigger)
        if trigger == "completed":
            await self.step_done(step, f"{self.at.work_order} completed")
        else:
            await self.step_failed(step, f"{self.at.work_order} {trigger}: {reason}")
        return True

    def _context(self, step: Step) -> StepContext:
        return StepContext(
            kernel=self._kernel,
            workflow=self.at.workflow,
            step=step,
            now=self._now,
            reason=self.at.reason,
            transaction=self._transaction,
        )

    async def _end(self, status: str) -> bool:
        after = self.at.changed(status=status, work_order=None)
        transaction, root, now = self._transaction, self.at.workflow, self._now
        reason = f"workflow {self.at.definition}: {status}"
        if status == "completed":
            await cancel_children(transaction, root, reason, actor=SYSTEM, now=now)
            await complete_order(transaction, root, reason, actor=SYSTEM, now=now)
        else:
            reason = f"{reason}: {self.at.reason}"[:2_000]
            await fail_order(transaction, root, reason, actor=SYSTEM, now=now)
        return await self._record("workflow.ended", after, status=status, reason=reason)

    async def _guard(self, trigger: str) -> Guard:
        facts = await facts_of(self._transaction, self.definition, self.at, self._root, trigger)
        return lambda transition: admits(self.definition, self.at, transition, facts)

    async def _record(self, type: str, after: Checkpoint, **data: Any) -> bool:
        await record(self._transaction, type, after, actor=self._actor, now=self._now, **data)
        self.at = after
        return True


def _described(step: Step) -> dict[str, Any]:
    return {
        "step": step.number,
        "purpose": step.purpose,
        "action": step.action,
        "state": step.state,
        "work_order": step.work_order,
    }
