"""Lists cut to what an answer may hold, so that no work order grows beyond being shown.

Above: orders, resume, reports. Below: canonical JSON. What is cut is a function of the items alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel

from agentos import canonical_json

ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"
"""Lists and terminals show a title as one line, which it may neither end nor turn around."""

Item = TypeVar("Item")


def newest_within(items: Sequence[Item], max_items: int, max_bytes: int) -> list[Item]:
    """The last items, in their order: at most so many, and so many bytes of canonical JSON.

    The very last is there even where it alone exceeds `max_bytes`.
    """
    kept: list[Item] = []
    for item in reversed(items[-max_items:]):
        max_bytes -= json_bytes(item)
        if max_bytes < 0 and kept:
            break
        kept.append(item)
    return kept[::-1]


def json_bytes(item: object) -> int:
    """How many bytes of canonical JSON a model or a JSON value takes."""
    value = item.model_dump(mode="json") if isinstance(item, BaseModel) else item
    return len(canonical_json(value))
