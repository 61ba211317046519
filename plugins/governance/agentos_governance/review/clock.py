"""The clock of whatever waits for a person: a row that says what happens when.

Above: projections of reviews, approvals and decisions; the sweeper reads it. Below:
`sql/reviews.sql`. Only these functions write the table, and all they know is their event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from agentos import Event, ProjectionWriter
from agentos_governance.review.queries import sql

Kind = Literal["work", "approval", "decision"]


async def start_clock(writer: ProjectionWriter, *, review: str, kind: Kind, event: Event) -> None:
    """Begin, as the event's `clock` says; an event of before there were clocks begins none."""
    clock = event.data.get("clock")
    if clock is None:
        return
    await writer.execute(
        sql.insert_clock,
        review,
        kind,
        event.stream,
        event.at,
        _time(clock["due_at"]),
        _time(clock["expires_at"]),
        _time(clock["remind_at"]),
        _time(clock["escalate_at"]),
        clock["schedule"],
    )


async def touch_clock(writer: ProjectionWriter, review: str) -> None:
    """What is shown of the review has changed: its version grows."""
    await writer.execute(sql.touch_clock, review)


async def stop_clock(writer: ProjectionWriter, review: str, at: datetime) -> None:
    """Nobody waits any more; the version grows."""
    await writer.execute(sql.stop_clock, review, at)


async def note_reminded(writer: ProjectionWriter, event: Event) -> None:
    """`review.reminded`"""
    data = event.data
    await writer.execute(sql.set_reminded, data["review"], data["number"], _time(data["remind_at"]))


async def note_escalated(writer: ProjectionWriter, event: Event) -> None:
    """`review.escalated`"""
    data = event.data
    await writer.execute(
        sql.set_escalated, data["review"], data["number"], data["to"], _time(data["escalate_at"])
    )


async def note_snoozed(writer: ProjectionWriter, event: Event) -> None:
    """`review.snoozed`"""
    data = event.data
    await writer.execute(
        sql.set_snoozed,
        data["review"],
        _time(data["until"]),
        _time(data["remind_at"]),
        _time(data["escalate_at"]),
    )


async def note_taken_over(writer: ProjectionWriter, event: Event) -> None:
    """`review.taken_over`"""
    data = event.data
    await writer.execute(sql.set_taken_over, data["review"], data["by"], _time(data["escalate_at"]))


def _time(text: Any) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
