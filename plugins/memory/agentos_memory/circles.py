"""Walks over a symbol graph, a whole circle of definitions at a time.

Above: traces and the blast radius. Below: rows of neighbours as arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agentos_memory.adjacency import Ints, Mask, Rows

# A step over fewer neighbours is quick whichever way it is taken.
MANY = 8_000


@dataclass(frozen=True, slots=True)
class Steps:
    """One step from each definition, against the edges (to its callers) or along them.

    A call that may dispatch reaches overrides of the method that it names. Against the edges a
    method is so also called by what `dispatching` has for the methods that it overrides, which
    `alike` gives; along them, `dispatching` names the methods called, and `alike` their overrides.
    """

    is_incoming: bool
    near: Rows
    # The same pairs seen from the other end.
    back: Rows
    dispatching: Rows
    alike: Rows
    # Whether a definition overrides something, or calls something that is overridden.
    may_dispatch: Mask

    @property
    def n_nodes(self) -> int:
        """How many definitions there are."""
        return len(self.may_dispatch)


class Circles:
    """Definitions around a start, circle by circle; the first visit is the nearest."""

    def __init__(self, steps: Steps, start: Ints) -> None:
        self._steps = steps
        self.is_seen: Mask = np.zeros(steps.n_nodes, np.bool_)
        self._is_alike_seen: Mask = np.zeros(steps.n_nodes, np.bool_)
        self._slot: Ints = np.empty(steps.n_nodes, np.int64)
        self.frontier = self._take(start)
        self.n_edges = 0

    def grow(self) -> None:
        """Go on to the next circle, which is the frontier from then on; it has no order."""
        near, alike = self._beyond()
        self.frontier = self._take(near)
        if len(alike):
            self.join(alike)

    def see_beyond(self) -> None:
        """Count the next circle as seen, from which the walk does not go on."""
        for there in self._beyond():
            self.is_seen[there] = True

    def absorb(self, closed: Mask) -> None:
        """Count as seen a set out of which no step leads."""
        self.is_seen |= closed
        self.frontier = self.frontier[~closed[self.frontier]]

    def join(self, nodes: Ints) -> None:
        """Have more definitions in the circle that was reached last."""
        self.frontier = np.concatenate([self.frontier, self._take(nodes)])

    def _beyond(self) -> tuple[Ints, Ints]:
        """What is one step away, and what is so because a call may dispatch; much is seen."""
        here, steps = self.frontier, self._steps
        alike = self._alike(here[steps.may_dispatch[here]])
        n_edges = steps.near.n_edges(here)
        self.n_edges += n_edges
        if n_edges > MANY:
            # Where most is seen already, it takes less to ask the rest whether it leads here.
            rest = np.flatnonzero(~self.is_seen)
            if steps.back.n_edges(rest) < n_edges:
                is_here: Mask = np.zeros(steps.n_nodes, np.bool_)
                is_here[here] = True
                return steps.back.leading_to(is_here, rest), alike
        return steps.near.of(here), alike

    def _alike(self, here: Ints) -> Ints:
        """What is reached because a call may dispatch."""
        if not len(here):
            return here
        dispatching = self._steps.dispatching
        if self._steps.is_incoming:
            bases = self._all_alike(here)
            self.n_edges += dispatching.n_edges(bases)
            return dispatching.of(bases)
        overrides = self._all_alike(dispatching.of(here))
        self.n_edges += len(overrides)
        return overrides

    def _all_alike(self, methods: Ints) -> Ints:
        """What all of them override, or are overridden by, at any distance; each once a walk."""
        found = [methods[:0]]
        while len(methods):
            there = self._steps.alike.of(methods)
            methods = self._distinct(there[~self._is_alike_seen[there]])
            self._is_alike_seen[methods] = True
            found.append(methods)
        return np.concatenate(found)

    def _take(self, there: Ints) -> Ints:
        if len(there) > MANY:
            is_new: Mask = np.zeros(self._steps.n_nodes, np.bool_)
            is_new[there] = True
            is_new &= ~self.is_seen
            new = np.flatnonzero(is_new)
        else:
            new = self._distinct(there[~self.is_seen[there]])
        self.is_seen[new] = True
        return new

    def _distinct(self, nodes: Ints) -> Ints:
        # Whoever writes last keeps the slot; cheaper than sorting.
        numbers = np.arange(len(nodes))
        self._slot[nodes] = numbers
        distinct: Ints = nodes[self._slot[nodes] == numbers]
        return distinct
