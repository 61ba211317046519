"""A glob as a set of states that reads its input once: linear, whatever the glob.

Above: globs. Below: nothing. The states are the bits of one integer (the Shift-And method,
Baeza-Yates and Gonnet 1992); a star is a state that may stay where it is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

# Repeated symbols are looked up; a text with more different ones than this costs more, not memory.
_CACHED_SYMBOLS = 512

Step = str | Callable[[str], bool]


class Automaton:
    """Steps of which each consumes one symbol: an equal one, or one that a function accepts.

    Symbols are characters of a text or names of a path. In the states of `loops`, any number of symbols may be consumed without a step.
    """

    def __init__(self, steps: Sequence[Step], loops: frozenset[int]) -> None:
        self._literals: dict[str, int] = {}
        self._tests: dict[Callable[[str], bool], int] = {}
        for index, step in enumerate(steps):
            if callable(step):
                self._tests[step] = self._tests.get(step, 0) | 1 << index
            else:
                self._literals[step] = self._literals.get(step, 0) | 1 << index
        self._loops = sum(1 << index for index in loops)
        self._final = 1 << len(steps)
        self._masks: OrderedDict[str, int] = OrderedDict()

    def matches(self, symbols: Iterable[str]) -> bool:
        """Whether the steps, in order, consume exactly these symbols."""
        state = 1
        for symbol in symbols:
            mask = self._masks.get(symbol)
            if mask is None:
                mask = self._mask(symbol)
            state = ((state & mask) << 1) | (state & self._loops)
            if not state:
                return False
        return bool(state & self._final)

    def _mask(self, symbol: str) -> int:
        """The steps that accept the symbol, as bits."""
        mask = self._literals.get(symbol, 0)
        for test, steps in self._tests.items():
            if test(symbol):
                mask |= steps
        self._masks[symbol] = mask
        if len(self._masks) > _CACHED_SYMBOLS:
            self._masks.popitem(last=False)
        return mask


class CharacterSet:
    """A `[...]` of a glob: single characters and ranges, perhaps all but these."""

    def __init__(self, ranges: Sequence[tuple[str, str]], *, is_negated: bool) -> None:
        self.ranges = tuple(ranges)
        self.is_negated = is_negated
        self._singles = frozenset(low for low, high in ranges if low == high)
        self._spans = tuple((low, high) for low, high in ranges if low != high)

    def __call__(self, character: str) -> bool:
        is_member = character in self._singles or any(
            low <= character <= high for low, high in self._spans
        )
        return is_member is not self.is_negated


ANY_CHARACTER = CharacterSet((), is_negated=True)


def text_automaton(pattern: str) -> Automaton:
    """The automaton over characters of a glob with `*`, `?`, `[ab]`, `[!a-z]`."""
    return Automaton(*parse_glob(pattern))


def parse_glob(pattern: str) -> tuple[list[str | CharacterSet], frozenset[int]]:
    """The characters and sets that a glob consumes one by one, and before which `*` stands."""
    steps: list[str | CharacterSet] = []
    loops: set[int] = set()
    index = 0
    while index < len(pattern):
        character = pattern[index]
        index += 1
        if character == "*":
            loops.add(len(steps))
        elif character == "?":
            steps.append(ANY_CHARACTER)
        elif character == "[" and (end := _end_of_set(pattern, index)) > 0:
            steps.append(_character_set(pattern[index:end]))
            index = end + 1
        else:
            steps.append(character)
    return steps, frozenset(loops)


def _end_of_set(pattern: str, start: int) -> int:
    """Index of the `]` that ends the set; -1 where the `[` stands for itself."""
    # A `]` that comes first is a member of the set.
    first = start + pattern.startswith("!", start)
    return pattern.find("]", first + 1)


def _character_set(text: str) -> CharacterSet:
    is_negated = text.startswith("!")
    text = text.removeprefix("!")
    ranges: list[tuple[str, str]] = []
    index = 0
    while index < len(text):
        if text[index + 1 : index + 2] == "-" and index + 2 < len(text):
            ranges.append((text[index], text[index + 2]))
            index += 3
        else:
            ranges.append((text[index], text[index]))
            index += 1
    return CharacterSet(ranges, is_negated=is_negated)
