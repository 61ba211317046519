"""Static checks of a definition: what would strand an instance is found before one begins.

Above: the registry, `agentos workflow check`. Below: definitions, guards, actions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from agentos import InvalidArgumentError, redact
from agentos_governance.workflows.actions import WorkflowAction
from agentos_governance.workflows.children import placeholders
from agentos_governance.workflows.definition import (
    RESERVED_SIGNALS,
    Compensation,
    Definition,
    OrderTemplate,
    State,
    Transition,
)
from agentos_governance.workflows.graph import Graph, graph_of
from agentos_governance.workflows.guards import compile_guard

Actions = Mapping[str, WorkflowAction]


def find_problems(definition: Definition, actions: Actions) -> list[str]:
    """Everything that is wrong with a definition, in the order of its states; empty if sound."""
    structural = [*_secrets(definition), *_names(definition), *_shapes(definition)]
    if structural:
        # Without these the graph cannot be drawn.
        return structural
    graph = graph_of(definition)
    return list(
        chain(
            _ends(definition, graph),
            _exits(definition, graph),
            _cycles(definition, graph),
            chain.from_iterable(
                _state(definition, state, actions) for state in definition.all_states
            ),
        )
    )


def require_sound(definition: Definition, actions: Actions) -> None:
    """InvalidArgumentError with the problems of a definition that has any."""
    problems = find_problems(definition, actions)
    if problems:
        raise InvalidArgumentError(f"workflow {definition.name}: {'; '.join(problems[:10])}")


def _secrets(definition: Definition) -> Iterator[str]:
    # The log would hold another definition than the version says.
    if redact(definition.document) != definition.document:
        yield "it contains what looks like a secret; leave it out"


def _names(definition: Definition) -> Iterator[str]:
    seen: set[str] = set()
    for state in definition.all_states:
        if state.name in seen:
            yield f"two states are named {state.name}"
        seen.add(state.name)
    for state in definition.all_states:
        for transition in state.transitions:
            if transition.to not in seen:
                yield f"state {state.name}: a transition leads to {transition.to}, which is none"
    top = {state.name for state in definition.states}
    if definition.initial not in top:
        yield f"the initial state {definition.initial} is not one of the outermost states"


def _shapes(definition: Definition) -> Iterator[str]:
    for state in definition.all_states:
        where = f"state {state.name}"
        if state.kind == "group":
            if state.initial not in {inner.name for inner in state.states}:
                yield f"{where}: a group names its initial state, one of its own"
        elif state.states or state.initial:
            yield f"{where}: only a group holds states"
        if (state.kind == "work") != (state.order is not None):
            yield f"{where}: a work state, and no other, has an order"
        if (state.kind == "final") != (state.outcome is not None):
            yield f"{where}: a final state, and no other, has an outcome"
        if state.kind == "final" and (state.transitions or state.compensations):
            yield f"{where}: nothing leaves a final state"
        if state.kind != "work" and state.compensations:
            yield f"{where}: only a work state is compensated"
    yield from _outcomes(definition)


def _outcomes(definition: Definition) -> Iterator[str]:
    outer = [state.outcome for state in definition.states if state.kind == "final"]
    if outer.count("rolled_back") != 1:
        yield "exactly one outermost final state has the outcome rolled_back"
    if "completed" not in outer:
        yield "no outermost final state has the outcome completed"
    if "failed" in outer:
        yield "an outermost final state is completed or rolled_back; failed ends a group"
    for state in definition.all_states:
        if state.outcome == "rolled_back" and definition.parents[state.name] is not None:
            yield f"state {state.name}: rolled_back ends the whole; inside a group use failed"


def _ends(definition: Definition, graph: Graph) -> Iterator[str]:
    reached = graph.reachable({definition.leaf(definition.initial)})
    for state in definition.all_states:
        inside = {s.name for s in definition.all_states if state in definition.lineage(s.name)}
        if state.name != definition.rolled_back and not inside & reached:
            yield f"state {state.name}: nothing leads there"
    goals = {s.name for s in definition.states if s.outcome == "completed"}
    if not goals & reached:
        yield "the outcome completed cannot be reached"
    finishing = graph.reversed().reachable(goals | {definition.rolled_back})
    for name in sorted(reached - finishing):
        yield f"state {name}: no end can be reached from there"


def _exits(definition: Definition, graph: Graph) -> Iterator[str]:
    for state in definition.all_states:
        needed = set()
        if state.kind == "work":
            needed = {"completed"}
        elif state.kind == "group":
            needed = {"completed"} & {inner.outcome or "" for inner in state.states}
        for outcome in needed:
            if not any(t.on == outcome and t.when is None for t in state.transitions):
                yield f"state {state.name}: no unguarded transition takes `{outcome}`"
        if state.kind == "wait" and not any(
            t.signal and t.when is None for t in _offered(definition, state)
        ):
            yield f"state {state.name}: no unguarded transition takes a signal"


def _offered(definition: Definition, state: State) -> list[Transition]:
    """The transitions of a state and of the groups around it."""
    return [t for each in definition.lineage(state.name) for t in each.transitions]


def _cycles(definition: Definition, graph: Graph) -> Iterator[str]:
    cyclic = graph.on_cycles()
    for state in definition.all_states:
        if "max_visits" in state.model_fields_set:
            continue
        if state.name in cyclic or (
            state.kind == "group" and _is_entered_again(definition, graph, state)
        ):
            yield f"state {state.name}: it lies on a cycle and must say its max_visits"


def _is_entered_again(definition: Definition, graph: Graph, group: State) -> bool:
    inside = {s.name for s in definition.all_states if group in definition.lineage(s.name)}
    left = {after for name in inside for after in graph.after.get(name, ())} - inside
    restarts = any(
        t.to == group.name for name in inside for t in definition.by_name[name].transitions
    )
    return restarts or bool(graph.reachable(left) & inside)


def _state(definition: Definition, state: State, actions: Actions) -> Iterator[str]:
    where = f"state {state.name}"
    if state.kind == "work" and state.effects and not state.compensations:
        yield f"{where}: it has effects and no compensation; say what undoes it, or effects = false"
    if state.order is not None:
        yield from _order(definition, state.order, where)
        if not state.effects and state.order.contract.allowed_roots:
            yield f"{where}: effects = false, and its contract allows writing"
    yield from _separation(definition, state, where)
    for compensation in state.compensations:
        yield from _compensation(definition, compensation, where, actions)
    for transition in state.transitions:
        yield from _transition(definition, transition, where, actions)


def _separation(definition: Definition, state: State, where: str) -> Iterator[str]:
    works = {each.name for each in definition.all_states if each.kind == "work"}
    if state.not_by and state.kind != "work":
        yield f"{where}: only a work state is kept apart from others by not_by"
        return
    graph = graph_of(definition)
    for name in state.not_by:
        if name not in works or name == state.name:
            yield f"{where}: not_by names {name}, which is no other work state"
        elif state.name not in graph.reachable({name}):
            yield f"{where}: not_by names {name}, which is never before it"


def _transition(
    definition: Definition, transition: Transition, where: str, actions: Actions
) -> Iterator[str]:
    where = f"{where}, on {transition.on}"
    if transition.when is not None:
        try:
            compile_guard(definition, transition.when)
        except InvalidArgumentError as error:
            yield f"{where}: {error.message}"
    if transition.signal in RESERVED_SIGNALS:
        yield f"{where}: {transition.signal} is a signal of every workflow"
    if transition.signal is None and "by" in transition.model_fields_set:
        yield f"{where}: only a signal comes from somebody"
    for use in transition.actions:
        yield from _action(use.action, use.arguments, where, actions)
        known = actions.get(use.action)
        if known is not None and known.has_effects and use.compensation is None:
            yield f"{where}: the action {use.action} has effects and no compensation"
        if use.compensation is not None:
            yield from _compensation(definition, use.compensation, where, actions)


def _compensation(
    definition: Definition, compensation: Compensation, where: str, actions: Actions
) -> Iterator[str]:
    if (compensation.action is None) == (compensation.order is None):
        yield f"{where}: a compensation is an action or an order"
    if compensation.order is not None:
        yield from _order(definition, compensation.order, f"{where}, compensation")
    if compensation.action is not None:
        yield from _action(compensation.action, compensation.arguments, where, actions)


def _action(
    name: str, arguments: Mapping[str, object], where: str, actions: Actions
) -> Iterator[str]:
    action = actions.get(name)
    if action is None:
        yield f"{where}: no enabled plugin provides the action {name}"
        return
    for argument, value in arguments.items():
        kind = action.parameters.get(argument)
        if kind is None:
            yield f"{where}: the action {name} takes no argument {argument}"
        elif type(value) is not kind:
            yield f"{where}: argument {argument} of {name} must be {kind.__name__}"


def _order(definition: Definition, order: OrderTemplate, where: str) -> Iterator[str]:
    works = {state.name for state in definition.all_states if state.kind == "work"}
    known = {"title", "objective", "reason", *(f"input.{name}" for name in definition.inputs)}
    known |= {f"{kind}.{state}" for kind in ("order", "workspace") for state in works}
    for name in sorted(placeholders(f"{order.title}\n{order.objective}") - known):
        yield f"{where}: nothing fills in {{{name}}}"
