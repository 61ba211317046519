"""The expressions of the dotted names of one Python file.

Equal names are one object, and attributes share their owner. Above: the reader of expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import reduce

from agentos_memory.expressions import Attribute, Expression, Name


class _Shared(dict[str, Expression | None]):
    """By their text; None for text that is no dotted name."""

    def __missing__(self, text: str) -> Expression | None:
        owner, _, name = text.rpartition(".")
        value: Expression | None = None
        if name.isidentifier():
            if not owner:
                value = Name(name)
            elif (inner := self[owner]) is not None:
                value = Attribute(inner, name)
        self[text] = value
        return value


class DottedNames:
    """What dotted names stand for, where comprehensions and lambdas may cover outer names."""

    def __init__(self) -> None:
        self._shared = _Shared()
        self._covers: dict[str, Expression] = {}

    def find(self, text: str) -> Expression | None:
        """The expression of a dotted name, None for any other text."""
        if not self._covers:
            return self._shared[text]
        first, *rest = text.split(".")
        cover = self._covers.get(first)
        if cover is None:
            return self._shared[text]
        return reduce(Attribute, rest, cover) if all(map(str.isidentifier, rest)) else None

    def cover(self, names: Iterable[tuple[str, Expression]]) -> None:
        """Let names stand for something else until the innermost block ends."""
        self._covers.update(names)

    @contextmanager
    def block(self) -> Iterator[None]:
        """A comprehension or lambda, whose names are its own."""
        outer = self._covers
        self._covers = dict(outer)
        try:
            yield
        finally:
            self._covers = outer
