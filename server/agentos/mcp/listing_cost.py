"""What `tools/list` costs a model, by profile; `agentos doctor` prints it.

No tokenizer ships with AgentOS, and every vendor has its own. So the whole answer is counted, also
what clients do not show their model (results, hints), at 3.5 bytes a token: more tokens than the
usual estimate of 4 bytes gives.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import orjson

from agentos.mcp.tools import wire_tool
from agentos.profiles import PROFILES, listed
from agentos.tools import Tool

BYTES_PER_TOKEN = 3.5


@dataclass(frozen=True, slots=True)
class ListingCost:
    """The listing of one profile."""

    profile: str
    tools: int
    size_bytes: int
    """Of the JSON of all tools, as `tools/list` sends it."""
    tokens: int


def listing_costs(tools: Collection[Tool]) -> list[ListingCost]:
    """What each profile costs, the smallest authority first."""
    return [_cost(profile, listed(tools, profile)) for profile in PROFILES]


def _cost(profile: str, tools: list[Tool]) -> ListingCost:
    sent = [wire_tool(each).model_dump(by_alias=True, exclude_none=True) for each in tools]
    size_bytes = len(orjson.dumps(sent))
    return ListingCost(profile, len(tools), size_bytes, math.ceil(size_bytes / BYTES_PER_TOKEN))
