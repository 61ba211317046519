"""What happened under a work order before: the counts that history queries ask for.

Above: deciding. Below: `sql/policies.sql`. One statement answers all queries of a call, from the
work order's own events; a call counts once admitted, an action once allowed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from agentos import Queries, Tool
from agentos_governance.contracts.actions import (
    KNOWN_TOOLS,
    OWN_SERVER,
    Action,
    Capability,
    capabilities_of,
)
from agentos_governance.orders import Reader
from agentos_governance.rules import HistoryQuery

sql = Queries("agentos_governance", "sql/policies.sql")

_MOMENTS = {"creation": -1, "claim": -2}


async def read_history(
    reader: Reader,
    stream: str,
    queries: Collection[HistoryQuery],
    now: datetime,
    call: str,
    tools: Mapping[str, Tool],
) -> dict[HistoryQuery, int]:
    """The count of every query, without what the call itself has stored."""
    asked = sorted(queries, key=repr)
    moments = sorted({_moment(query) for query in asked})
    rows = await reader.fetch(sql.count_history, stream, moments, now, call)
    counts = dict.fromkeys(asked, 0)
    for row in rows:
        if row["type"] == "action.judged" and is_own_tool(row["tool"] or "", tools):
            # Asking about a tool of this server is not using it; its call counts by itself.
            continue
        names = own_name(row["tool"] or "")
        capabilities = happened_capabilities(row, tools)
        moment = moments[row["moment"] - 1]
        for query in asked:
            if _moment(query) == moment and matches(query, names, capabilities):
                counts[query] += row["n_calls"]
    return counts


def matches(query: HistoryQuery, tool: str, capabilities: Iterable[str]) -> bool:
    """Whether something that happened is what a query counts."""
    return any(query.matches(tool, capability) for capability in capabilities)


def happened_capabilities(row: Any, tools: Mapping[str, Tool]) -> list[str]:
    """What an admitted call or allowed action did, as it was judged."""
    if row["type"] == "call.allowed":
        tool = tools.get(row["tool"] or "")
        return [capability_of_tool(tool)] if tool is not None else ["read"]
    recorded = row["capabilities"]
    if recorded:
        return list(recorded)
    return sorted(capabilities_of(Action(row["tool"] or "", capability=row["capability"]))) or [""]


def capability_of_tool(tool: Tool) -> Capability:
    """What a tool of a server does to the workspace; one without paths changes only records."""
    return "write" if tool.writes and tool.paths else "read"


def is_own_tool(tool: str, tools: Mapping[str, Tool]) -> bool:
    """Whether a name in an action means a tool of this server, not one that clients bring."""
    name = own_name(tool)
    return name in tools and (name != tool or name not in KNOWN_TOOLS)


def own_name(tool: str) -> str:
    """The plain name of a tool of this server, however a client spells it."""
    return tool.removeprefix(f"mcp__{OWN_SERVER}__") or tool


def _moment(query: HistoryQuery) -> int:
    return _MOMENTS[query.since] if isinstance(query.since, str) else query.since
