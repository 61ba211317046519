"""Which writing tools a test run has seen refused or fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentos.database.queries import Queries
from agentos.isolation.hooks import implementations
from agentos.kernel import Kernel
from agentos.surface import Surface
from agentos.tools import Tool

_sql = Queries("agentos.testing", "sql/events.sql")


class RefusalCoverage:
    """Grows with every kernel that a test closes."""

    def __init__(self) -> None:
        self._writing: set[str] = set()
        self._refused: set[str] = set()

    async def collect(self, kernel: Kernel, plugin: str | None) -> None:
        """Note the writing tools of `plugin`, and what the log says of their calls."""
        for name, register in implementations(kernel.plugins, "register_tools"):
            if name == plugin:
                self._writing |= {tool.name for tool in _tools(register()) if tool.writes}
        rows = await kernel.database.fetch(_sql.list_refused_tools)
        self._refused |= {row["tool"] for row in rows}

    def missing(self) -> list[str]:
        """Writing tools that were never refused, by name."""
        return sorted(self._writing - self._refused)

    def dump(self) -> dict[str, list[str]]:
        """What another process of the run adds to its own."""
        return {"writing": sorted(self._writing), "refused": sorted(self._refused)}

    def load(self, dumped: Mapping[str, Sequence[str]]) -> None:
        """Add what another process of the run saw."""
        self._writing |= set(dumped.get("writing", ()))
        self._refused |= set(dumped.get("refused", ()))


def _tools(answer: Sequence[Tool] | None) -> list[Tool]:
    return [tool for tool in answer or () if tool.surface is Surface.TOOL]
