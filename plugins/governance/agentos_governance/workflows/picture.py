"""Draws a workflow: Mermaid for pages that render it, and lines of text for a terminal.

Above: tools, command line. Below: definitions, checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator

from agentos_governance.workflows.checkpoint import Checkpoint
from agentos_governance.workflows.definition import Definition, State

_MARKS = {"now": ">", "been": "x", "not yet": " "}


def mermaid(definition: Definition, at: Checkpoint | None = None) -> str:
    """A `stateDiagram-v2`; the current state is marked, those that were entered are done."""
    lines = ["stateDiagram-v2", *_level(definition.states, definition.initial, 1)]
    if at is not None:
        lines += ["    classDef now fill:#ffd54f", "    classDef been fill:#c8e6c9"]
        lines.append(f"    class {at.state} now")
        been = [name for name in at.visits if name != at.state]
        lines += [f"    class {name} been" for name in been]
    return "\n".join(lines)


def _level(states: list[State], initial: str, depth: int) -> Iterator[str]:
    indent = "    " * depth
    yield f"{indent}[*] --> {initial}"
    for state in states:
        if state.kind == "group":
            assert state.initial is not None
            yield f"{indent}state {state.name} {{"
            yield from _level(state.states, state.initial, depth + 1)
            yield f"{indent}}}"
        for transition in state.transitions:
            guard = f" [{transition.when}]" if transition.when else ""
            label = f"{transition.on.replace(':', ' ')}{guard}".replace(":", " ").replace(";", ",")
            yield f"{indent}{state.name} --> {transition.to} : {label}"
        if state.kind == "final":
            yield f"{indent}{state.name} --> [*]"


def outline(definition: Definition, at: Checkpoint | None = None) -> str:
    """One line a state: `>` where the instance is, `x` where it has been."""
    return "\n".join(_outline(definition.states, at, 0))


def _outline(states: list[State], at: Checkpoint | None, depth: int) -> Iterator[str]:
    for state in states:
        order = at.orders.get(state.name) if at is not None else None
        visits = at.visits.get(state.name, 0) if at is not None else 0
        ways = ", ".join(f"{t.on} -> {t.to}" for t in state.transitions)
        line = f"{'  ' * depth}[{_mark(state, at)}] {state.name}"
        line += f" {order}" if order else ""
        line += f" ({visits} visits)" if visits > 1 else ""
        yield line + (f": {ways}" if ways else "")
        yield from _outline(state.states, at, depth + 1)


def _mark(state: State, at: Checkpoint | None) -> str:
    if at is None:
        return _MARKS["not yet"]
    if state.name == at.state:
        return _MARKS["now"]
    return _MARKS["been" if state.name in at.visits else "not yet"]
