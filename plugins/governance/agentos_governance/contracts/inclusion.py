"""Whether everything that some globs admit is admitted by others, and an example where not.

Above: narrowing. Below: globs, glob_automaton. Globs are regular languages, so inclusion is
decided, not guessed: the states of one glob are walked together with the sets of states of all
others (the subset construction, with antichains: De Wulf, Doyen, Henzinger, Raskin 2006).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agentos_governance.contracts.glob_automaton import (
    ANY_CHARACTER,
    CharacterSet,
    parse_glob,
)
from agentos_governance.contracts.globs import MAGIC, compile_globs, compile_roots

MAX_TRANSITIONS = 20_000
"""How far all comparisons of one list go before the rest is left undecided."""

_LAST = 0x10FFFF
_NOT_SLASH = CharacterSet((("/", "/"),), is_negated=True)
_PREFERRED = "xaA0_-. /"

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Outside:
    """A glob that admits `example`, which none of the others admits."""

    pattern: str
    example: str


def find_outside_globs(inner: Sequence[str], outer: Sequence[str]) -> Outside | None:
    """The first text glob that admits more than `outer` together; None where none is known to.

    Globs too complex to compare within MAX_TRANSITIONS count as inside: whoever uses this for
    authority judges by both sets at run time as well.
    """
    admitted = compile_globs(outer)
    known = frozenset(outer)
    budget = _Budget()
    others = _text_machine(outer)
    for pattern in dict.fromkeys(inner):
        if pattern in known:
            continue
        if not MAGIC.search(pattern):
            if admitted is None or not admitted.match(pattern):
                return Outside(pattern, pattern)
            continue
        example = _Comparison(_text_machine([pattern]), others, budget).find_example()
        if example is not None:
            return Outside(pattern, example)
    return None


def find_outside_roots(inner: Sequence[str], outer: Sequence[str]) -> Outside | None:
    """As `find_outside_globs`, for roots: paths of one or more names, none of them empty.

    A plain root such as `src/a.py` may be a file or a folder; what is below it is left to the
    run time where it lies inside itself.
    """
    is_inside = compile_roots(outer)
    known = frozenset(outer)
    budget = _Budget()
    others = _path_machine(outer)
    for root in dict.fromkeys(inner):
        is_name = root != "." and not root.endswith("/") and not MAGIC.search(root)
        if root in known or (is_name and is_inside(root)):
            continue
        comparison = _Comparison(_path_machine([root]), others, budget, is_path=True)
        example = comparison.find_example()
        if example is not None:
            return Outside(root, example)
    return None


@dataclass(slots=True)
class _Budget:
    """Transitions that may still be walked."""

    n_left: int = MAX_TRANSITIONS


@dataclass(slots=True)
class _Machine:
    """A nondeterministic automaton over characters; any state of `starts` begins."""

    edges: list[list[tuple[Spans, int]]] = field(default_factory=list)
    starts: set[int] = field(default_factory=set)
    finals: set[int] = field(default_factory=set)

    def add_state(self) -> int:
        self.edges.append([])
        return len(self.edges) - 1

    def connect(self, source: int, symbols: str | CharacterSet, target: int) -> None:
        self.edges[source].append((_spans(symbols), target))

    def add_glob(self, start: int, pattern: str, every: CharacterSet) -> int:
        """Continue from `start` with a text glob whose `*` and `?` are `every`; the end state."""
        steps, loops = parse_glob(pattern)
        state = start
        for index, step in enumerate(steps):
            if index in loops:
                self.connect(state, every, state)
            following = self.add_state()
            self._connect_within(state, step, every, following)
            state = following
        if len(steps) in loops:
            self.connect(state, every, state)
        return state

    def _connect_within(
        self, source: int, step: str | CharacterSet, every: CharacterSet, target: int
    ) -> None:
        self.edges[source].append((_intersection(_spans(step), _spans(every)), target))


def _text_machine(patterns: Sequence[str]) -> _Machine:
    machine = _Machine()
    for pattern in dict.fromkeys(patterns):
        start = machine.add_state()
        machine.starts.add(start)
        machine.finals.add(machine.add_glob(start, pattern, ANY_CHARACTER))
    return machine


def _path_machine(roots: Sequence[str]) -> _Machine:
    machine = _Machine()
    for root in dict.fromkeys(roots):
        start = machine.add_state()
        machine.starts.add(start)
        if root in {".", "./"}:
            machine.connect(start, ANY_CHARACTER, start)
            machine.finals.add(start)
        elif MAGIC.search(root):
            _add_path_glob(machine, start, root)
        else:
            _add_plain_root(machine, start, root)
    return machine


def _add_plain_root(machine: _Machine, start: int, root: str) -> None:
    end = _add_text(machine, start, root.rstrip("/"))
    if not root.endswith("/"):
        machine.finals.add(end)
    below = machine.add_state()
    machine.connect(end, "/", below)
    machine.connect(below, ANY_CHARACTER, below)
    machine.finals.add(below)


def _add_text(machine: _Machine, start: int, text: str) -> int:
    state = start
    for character in text:
        following = machine.add_state()
        machine.connect(state, character, following)
        state = following
    return state


def _add_path_glob(machine: _Machine, start: int, root: str) -> None:
    *folders, last = (root + "**" if root.endswith("/") else root).split("/")
    state = start
    for folder in folders:
        if folder == "**":
            _add_folders(machine, state)
            continue
        end = machine.add_glob(state, folder, _NOT_SLASH)
        state = machine.add_state()
        machine.connect(end, "/", state)
    if last != "**":
        machine.finals.add(machine.add_glob(state, last, _NOT_SLASH))
        return
    _add_folders(machine, state)
    name = machine.add_state()
    machine.connect(state, _NOT_SLASH, name)
    machine.connect(name, _NOT_SLASH, name)
    machine.finals.add(name)


def _add_folders(machine: _Machine, state: int) -> None:
    """Any number of folders, back to the same state."""
    name = machine.add_state()
    machine.connect(state, _NOT_SLASH, name)
    machine.connect(name, _NOT_SLASH, name)
    machine.connect(name, "/", state)


class _Comparison:
    """Walks one machine together with all states another may be in."""

    def __init__(
        self, inner: _Machine, outer: _Machine, budget: _Budget, *, is_path: bool = False
    ) -> None:
        self._inner = inner
        self._outer = outer
        self._is_path = is_path
        self._cuts = _cuts(inner, outer)
        self._symbols = [self._representative(i) for i in range(len(self._cuts))]
        self._seen: dict[tuple[int, bool], list[frozenset[int]]] = {}
        self._budget = budget

    def find_example(self) -> str | None:
        """A shortest text that only the inner machine accepts; None where none was found."""
        others = frozenset(self._outer.starts)
        waiting = deque((start, others, "") for start in sorted(self._inner.starts))
        while waiting and self._budget.n_left > 0:
            state, others, text = waiting.popleft()
            is_complete = not self._is_path or (text != "" and not text.endswith("/"))
            is_accepted = is_complete and state in self._inner.finals
            if is_accepted and others.isdisjoint(self._outer.finals):
                return text
            for symbol, target in self._steps(state, text):
                following = self._follow(others, symbol)
                if self._is_new(target, symbol == "/", following):
                    waiting.append((target, following, text + symbol))
        return None

    def _steps(self, state: int, text: str) -> Iterator[tuple[str, int]]:
        starts_name = self._is_path and (text == "" or text.endswith("/"))
        for spans, target in self._inner.edges[state]:
            for symbol in sorted(self._symbols_of(spans), key=_plainness):
                if symbol == "/" and starts_name:
                    continue
                self._budget.n_left -= 1
                yield symbol, target

    def _symbols_of(self, spans: Spans) -> Iterator[str]:
        for low, high in spans:
            first = bisect_right(self._cuts, low) - 1
            last = bisect_right(self._cuts, high) - 1
            yield from self._symbols[first : last + 1]

    def _follow(self, states: frozenset[int], symbol: str) -> frozenset[int]:
        code = ord(symbol)
        self._budget.n_left -= len(states) // 8
        return frozenset(
            target
            for state in states
            for spans, target in self._outer.edges[state]
            if any(low <= code <= high for low, high in spans)
        )

    def _is_new(self, state: int, after_slash: bool, others: frozenset[int]) -> bool:
        """Whether nothing walked before had the same state with fewer others."""
        known = self._seen.setdefault((state, after_slash and self._is_path), [])
        if any(smaller <= others for smaller in known):
            return False
        known.append(others)
        return True

    def _representative(self, index: int) -> str:
        low = self._cuts[index]
        high = self._cuts[index + 1] - 1 if index + 1 < len(self._cuts) else _LAST
        return next((c for c in _PREFERRED if low <= ord(c) <= high), chr(low))


def _plainness(symbol: str) -> int:
    """Lower for characters that make a better example."""
    return _PREFERRED.find(symbol) % (len(_PREFERRED) + 1)


def _cuts(*machines: _Machine) -> list[int]:
    """Where the classes of characters begin that no machine tells apart."""
    cuts = {0, ord("/"), ord("/") + 1}
    for machine in machines:
        for edges in machine.edges:
            for spans, _ in edges:
                for low, high in spans:
                    cuts.update((low, high + 1))
    return sorted(cut for cut in cuts if cut <= _LAST)


def _spans(symbols: str | CharacterSet) -> Spans:
    """The code points of a character or set, as sorted spans that do not touch."""
    if isinstance(symbols, str):
        return ((ord(symbols), ord(symbols)),)
    merged: list[tuple[int, int]] = []
    for low, high in sorted((ord(a), ord(b)) for a, b in symbols.ranges if a <= b):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(_complement(merged) if symbols.is_negated else merged)


def _complement(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    gaps = []
    begin = 0
    for low, high in spans:
        if begin < low:
            gaps.append((begin, low - 1))
        begin = high + 1
    if begin <= _LAST:
        gaps.append((begin, _LAST))
    return gaps


def _intersection(one: Spans, other: Spans) -> Spans:
    return tuple((max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) <= min(b, d))
