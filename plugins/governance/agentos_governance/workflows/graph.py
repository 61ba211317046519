"""The innermost states of a definition and which may follow which: reachability and cycles.

Above: static checks, pictures. Below: definitions. Transitions of a group count for every state in
it, a group's end for the group; that a failure rolls back is not drawn, it is so everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentos_governance.workflows.definition import SIGNAL, Definition
from agentos_governance.workflows.machine import takers


@dataclass(frozen=True, slots=True)
class Graph:
    """Which states may come right after each."""

    after: Mapping[str, frozenset[str]]

    def reachable(self, starts: set[str]) -> set[str]:
        """The starts, and everything that can follow them."""
        found, left = set(starts), list(starts)
        while left:
            new = self.after.get(left.pop(), frozenset()) - found
            found |= new
            left += new
        return found

    def reversed(self) -> Graph:
        """The same with every arrow turned round."""
        before: dict[str, set[str]] = {name: set() for name in self.after}
        for name, following in self.after.items():
            for other in following:
                before[other].add(name)
        return Graph({name: frozenset(others) for name, others in before.items()})

    def on_cycles(self) -> set[str]:
        """States that can follow themselves."""
        return {
            name for name, following in self.after.items() if name in self.reachable(set(following))
        }


def graph_of(definition: Definition) -> Graph:
    """The graph of a definition whose names are sound."""
    after: dict[str, frozenset[str]] = {}
    for state in definition.all_states:
        if state.kind == "group":
            continue
        triggers = {t.on for each in definition.lineage(state.name) for t in each.transitions}
        targets = [
            t.to
            for trigger in triggers
            if state.kind == "work" or trigger.startswith(SIGNAL)
            for each in takers(definition, state.name, trigger)
            for t in each.transitions
            if t.on == trigger
        ]
        group = definition.parents[state.name]
        if state.kind == "final" and group is not None:
            assert state.outcome is not None
            targets = [
                t.to
                for each in takers(definition, group, state.outcome)
                for t in each.transitions
                if t.on == state.outcome
            ]
            if state.outcome == "failed":
                targets.append(definition.rolled_back)
        elif state.kind == "final":
            targets = []
        after[state.name] = frozenset(definition.leaf(target) for target in targets)
    return Graph(after)
