"""One symbol as the resident graph knows it.

Above: the graph, its walks and the tools that show them. Below: the symbols of the index.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentos_memory.model import Symbol
from agentos_memory.naming_of_tests import is_test_symbol


@dataclass(frozen=True, slots=True)
class Definition:
    """What walks and answers need of a symbol."""

    path: str
    qualified_name: str
    name: str
    kind: str
    start_line: int
    end_line: int
    signature: str
    is_test: bool = False

    @classmethod
    def of(cls, symbol: Symbol) -> Definition:
        """What the graph needs of a symbol."""
        is_test = is_test_symbol(
            symbol.path, symbol.qualified_name, symbol.kind, symbol.signature, symbol.decorators
        )
        return cls(
            symbol.path,
            symbol.qualified_name,
            symbol.name,
            symbol.kind,
            symbol.start_line,
            symbol.end_line,
            symbol.signature,
            is_test,
        )

    @property
    def place(self) -> str:
        """`path:line`, which names the symbol even where its name is ambiguous."""
        return f"{self.path}:{self.start_line}"

    @property
    def is_public(self) -> bool:
        """Whether no part of its qualified name is private by an underscore."""
        parts = self.qualified_name.replace(":", ".").replace("/", ".").split(".")
        return all(not part.startswith("_") or part.endswith("__") for part in parts)
