"""What an answer is: a sentence for people, the facts behind it, and where to open each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from agentos import Event

MAX_SOURCES = 50


class Source(BaseModel):
    """Where a fact can be looked up: an event of the log, or a file."""

    what: str
    event: str | None = Field(
        default=None,
        description="`stream#seq`; `agentos audit show` prints it",
    )
    path: str | None = Field(default=None, description="Relative to the server's data folder")


class Answer(BaseModel):
    """One of the seven: a sentence, its facts, and the newest sources of them."""

    summary: str
    facts: dict[str, Any]
    sources: list[Source]


class WorkReport(BaseModel):
    """The seven answers of a work order."""

    work_order: str
    title: str
    state: str
    who: Answer
    why_allowed: Answer
    grounding: Answer
    correctness: Answer
    cost: Answer
    reviewed_by: Answer
    recovery: Answer


def reference(event: Any) -> str:
    """How a person names an event or a row of one: `work_order/WO-3F9K2M7Q#12`."""
    stream, seq = (
        (event.stream, event.seq) if isinstance(event, Event) else (event["stream"], event["seq"])
    )
    return f"{stream}#{seq}"


def sources(events: Sequence[Event], *types: str) -> list[Source]:
    """The newest events of the given types, oldest first; the creation where there is none.

    `events` are a work order's history, oldest first: that nothing happened is a fact about it.
    """
    found = [event for event in events if event.type in types] or list(events[:1])
    return [Source(what=event.type, event=reference(event)) for event in found[-MAX_SOURCES:]]
