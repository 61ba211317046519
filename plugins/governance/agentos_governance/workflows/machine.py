"""Moves a checkpoint: which transition a trigger takes, and where that leads. Pure.

Above: the reactor and the tools, which store each move. Below: definitions, checkpoints.
A trigger is offered to the innermost state first, then (but for `completed`) to the groups around
it. Nothing that takes the end of a work order means: roll back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentos_governance.workflows.checkpoint import Checkpoint, Step, Undo
from agentos_governance.workflows.definition import (
    ActionUse,
    Compensation,
    Definition,
    State,
    Transition,
)

MAX_REASON = 2_000
ROLLED_BACK_BY = frozenset({"completed", "failed", "cancelled"})
"""Outcomes that must lead somewhere: the work order is over."""


@dataclass(frozen=True, slots=True)
class Move:
    """One transition: what fired, and the checkpoint after it."""

    source: str
    target: str
    trigger: str
    transition: Transition | None
    """None where nothing declared took the trigger and the instance rolls back."""
    after: Checkpoint


Guard = Callable[[Transition], bool]


def begin(definition: Definition, checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint in the initial state."""
    return _enter(definition, checkpoint, definition.initial, ())


def find_move(
    definition: Definition,
    at: Checkpoint,
    trigger: str,
    reason: str,
    holds: Guard,
    *,
    group: str | None = None,
) -> Move | None:
    """The move that a trigger makes, or None where it makes none.

    `group` names the group whose final state is the trigger; else the innermost state is asked.
    """
    source = at.state
    reason = reason[:MAX_REASON]
    for state in takers(definition, group or source, trigger):
        for transition in state.transitions:
            if transition.on != trigger or not _has_visits_left(definition, at, transition.to):
                continue
            if holds(transition):
                after = _enter(definition, at, transition.to, transition.actions)
                return Move(source, after.state, trigger, transition, after.changed(reason=reason))
    if trigger not in ROLLED_BACK_BY:
        return None
    return roll_back(definition, at, trigger, reason)


def takers(definition: Definition, name: str, trigger: str) -> list[State]:
    """Who is asked about a trigger: the state, then the groups around it.

    `completed` is not passed on: a group completes by its own final state.
    """
    lineage = definition.lineage(name)
    return lineage[:1] if trigger == "completed" else lineage


def roll_back(definition: Definition, at: Checkpoint, trigger: str, reason: str) -> Move:
    """The move that gives up: to the state `rolled_back`, by way of the compensations."""
    after = _enter(definition, at, definition.rolled_back, ())
    reason = (reason or trigger)[:MAX_REASON]
    return Move(at.state, after.state, trigger, None, after.changed(reason=reason))


def begin_compensation(at: Checkpoint) -> Checkpoint:
    """The checkpoint with every compensation to take: the newest effect first."""
    number = at.n_steps
    steps = []
    for undo in reversed(at.undo):
        number += 1
        steps.append(
            Step(
                number=number,
                purpose="compensation",
                state=undo.state,
                work_order=undo.work_order,
                action=undo.action,
                arguments=undo.arguments,
                order=undo.order,
            )
        )
    return at.changed(status="compensating", steps=steps, undo=[], n_steps=number)


def with_order(definition: Definition, at: Checkpoint, work_order: str) -> Checkpoint:
    """The checkpoint once the current state's work order exists: it may have to be undone."""
    state = definition.by_name[at.state]
    undo = [_undo(compensation, state.name, work_order) for compensation in state.compensations]
    return at.changed(
        work_order=work_order,
        seen_seq=0,
        orders={**at.orders, state.name: work_order},
        # Of one state the first compensation listed is taken first.
        undo=[*at.undo, *reversed(undo)],
    )


def without_step(at: Checkpoint) -> Checkpoint:
    """The checkpoint once its first step is done; what it did may have to be undone."""
    step, undo = at.steps[0], at.undo
    if step.compensation is not None:
        undo = [*undo, _undo(step.compensation, step.state, step.work_order)]
    return at.changed(steps=at.steps[1:], undo=undo, work_order=None, seen_seq=0)


def finished_group(definition: Definition, at: Checkpoint) -> tuple[str, str] | None:
    """The group that the current state ends, and with which outcome."""
    state, group = definition.by_name[at.state], definition.parents[at.state]
    if state.kind != "final" or group is None:
        return None
    assert state.outcome is not None
    return group, state.outcome


def _undo(compensation: Compensation, state: str, work_order: str | None) -> Undo:
    return Undo(
        state=state,
        work_order=work_order,
        action=compensation.action,
        arguments=compensation.arguments,
        order=compensation.order,
    )


def _has_visits_left(definition: Definition, at: Checkpoint, target: str) -> bool:
    return all(
        at.visits.get(state.name, 0) < state.max_visits
        for state in _entered(definition, at, target)
    )


def _entered(definition: Definition, at: Checkpoint, target: str) -> list[State]:
    """The states that a transition to `target` enters, innermost first.

    A transition to a group that is not left begins it anew; groups around the target stay.
    """
    around = {state.name for state in definition.lineage(at.state)} if at.visits else set()
    lineage = definition.lineage(definition.leaf(target))
    depth = [state.name for state in lineage].index(target)
    return lineage[: depth + 1] + [s for s in lineage[depth + 1 :] if s.name not in around]


def _enter(
    definition: Definition, at: Checkpoint, target: str, actions: Sequence[ActionUse]
) -> Checkpoint:
    visits = dict(at.visits)
    for state in _entered(definition, at, target):
        visits[state.name] = visits.get(state.name, 0) + 1
    steps = [
        Step(
            number=at.n_steps + index,
            purpose="action",
            state=at.state,
            work_order=at.orders.get(at.state),
            action=use.action,
            arguments=use.arguments,
            compensation=use.compensation,
        )
        for index, use in enumerate(actions, 1)
    ]
    return at.changed(
        state=definition.leaf(target),
        visits=visits,
        steps=steps,
        n_steps=at.n_steps + len(steps),
        n_transitions=at.n_transitions + 1,
        work_order=None,
        seen_seq=0,
    )
