"""The events of requested decisions and questions, and the read models they keep.

Above: the plugin registers these. Below: the clock of reviews, `sql/decisions.sql`. They stand in the
stream of the work order that they are about, else in one of their worker's.
"""

from __future__ import annotations

from datetime import datetime

from agentos import Event, EventType, ProjectionWriter, Queries, ReadModel
from agentos_governance.review.clock import start_clock, stop_clock, touch_clock

sql = Queries("agentos_governance", "sql/decisions.sql")

READ_MODEL = ReadModel("governance", ("decision_request", "question"))


async def _requested(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.insert_request,
        data["review"],
        data["kind"],
        data["title"],
        data["text"],
        data["options"],
        data["sha256"],
        event.stream,
        data["work_order"],
        data["worker"],
        data["person"],
        data["role"],
        data["model"],
        event.at,
        datetime.fromisoformat(data["clock"]["expires_at"]),
    )
    await start_clock(writer, review=data["review"], kind="decision", event=event)


async def _decided(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.set_request_decided,
        data["review"],
        data["outcome"],
        data["verdict"],
        data["reason"],
        data["categories"],
        data["answer"],
        event.actor,
        data["person"],
        event.at,
    )
    await stop_clock(writer, data["review"], event.at)


async def _ended(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    state = event.type.removeprefix("decision.")
    await writer.execute(sql.set_request_ended, data["review"], state, data["reason"], event.at)
    await stop_clock(writer, data["review"], event.at)


async def _asked(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.insert_question,
        data["question"],
        data["review"],
        event.stream,
        data["work_order"],
        data["worker"],
        data["person"] or event.actor,
        data["text"],
        data["observation"],
        event.at,
    )
    await touch_clock(writer, data["review"])


async def _answered(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.set_question_answered, data["question"], data["text"], event.actor, event.at
    )
    await touch_clock(writer, data["review"])


EVENT_TYPES = (
    EventType("decision.requested", "An agent wants a person to decide something.", _requested),
    EventType("decision.decided", "A person decided it, or answered.", _decided),
    EventType("decision.expired", "Nobody decided in time.", _ended),
    EventType("decision.cancelled", "The work that it was about is over.", _ended),
    EventType("question.asked", "A reviewer asks the worker something.", _asked),
    EventType("question.answered", "The worker answered.", _answered),
)


def decision_stream(work_order: str | None, worker: str) -> str:
    """Where the events of a requested decision stand."""
    if work_order is not None:
        return f"work_order/{work_order}"
    return f"decisions/{worker}"[:200]
