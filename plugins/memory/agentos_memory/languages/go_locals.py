"""Block scopes of Go: which declaration a name means, decided while a file is walked.

Go declares before use, so one pass settles every local name. Each declaration gets an identifier
of its own (`x'`, then `x'2`, ...) that no source can contain; a name without the mark belongs
to the file's imports, the package, or the language. Above: the readers of Go.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Locals:
    """The names declared in the open blocks, innermost last."""

    def __init__(self) -> None:
        self._visible: dict[str, tuple[str, int]] = {}
        self._hidden: list[tuple[str, tuple[str, int] | None]] = []
        self._counts: dict[str, int] = {}
        self._depth = 0

    def find(self, name: str) -> str | None:
        """The identifier of the local that `name` means here; None when it is no local."""
        found = self._visible.get(name)
        return found[0] if found is not None else None

    def declare(self, name: str) -> str:
        """A fresh identifier for `name`, visible until the innermost block ends."""
        count = self._counts[name] = self._counts.get(name, 0) + 1
        identifier = f"{name}'" if count == 1 else f"{name}'{count}"
        self._hidden.append((name, self._visible.get(name)))
        self._visible[name] = (identifier, self._depth)
        return identifier

    def is_declared_here(self, name: str) -> bool:
        """Whether the innermost block itself declares the name, as `:=` asks."""
        found = self._visible.get(name)
        return found is not None and found[1] == self._depth

    @contextmanager
    def block(self) -> Iterator[None]:
        """Everything declared inside is forgotten at the end."""
        mark = len(self._hidden)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            while len(self._hidden) > mark:
                name, previous = self._hidden.pop()
                if previous is None:
                    del self._visible[name]
                else:
                    self._visible[name] = previous
