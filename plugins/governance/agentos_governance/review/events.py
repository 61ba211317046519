"""The events of review rounds, and the read models they keep.

Above: the plugin registers these; the projection of votes calls `note_vote`. Below: the clock,
`sql/reviews.sql`. Events of a round stand in the stream of its work order; reminders and what
people do about waiting itself stand in the stream of what waits.
"""

from __future__ import annotations

from datetime import datetime

from agentos import Event, EventType, ProjectionWriter, ReadModel
from agentos_governance.review.clock import (
    note_escalated,
    note_reminded,
    note_snoozed,
    note_taken_over,
    start_clock,
    stop_clock,
    touch_clock,
)
from agentos_governance.review.queries import sql

READ_MODEL = ReadModel("governance", ("review_round", "review_clock"))


async def _opened(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.insert_round,
        data["review"],
        data["work_order"],
        data["number"],
        data["packet_sha256"],
        data["contract_version"],
        data["n_blocking"],
        data["items"],
        data["what_changed"],
        event.at,
    )
    await start_clock(writer, review=data["review"], kind="work", event=event)
    for vote in data["carried"]:
        await writer.execute(
            sql.insert_carried_vote,
            data["work_order"],
            data["packet_sha256"],
            vote["voter"],
            vote["reviewer"],
            vote["person"],
            vote["is_human"],
            vote["reason"],
            vote["findings"],
            datetime.fromisoformat(vote["voted_at"]),
            vote["packet_sha256"],
        )


async def _decided(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    await writer.execute(
        sql.set_round_decided,
        data["review"],
        data["outcome"],
        data["verdict"],
        data["reason"],
        event.actor,
        data["person"],
        event.at,
    )
    await stop_clock(writer, data["review"], event.at)


async def _ended(writer: ProjectionWriter, event: Event) -> None:
    data = event.data
    outcome = event.type.removeprefix("review.")
    await writer.execute(sql.set_round_ended, data["review"], outcome, data.get("reason"), event.at)
    await stop_clock(writer, data["review"], event.at)


async def note_vote(writer: ProjectionWriter, event: Event) -> None:
    """A vote was given in a round: what its card shows has changed."""
    review = event.data.get("review")
    if review is not None:
        await touch_clock(writer, review)
        if event.data.get("override_reason") is not None:
            await writer.execute(sql.count_override, review)


EVENT_TYPES = (
    EventType("review.opened", "A packet waits for its reviewers.", _opened),
    EventType("review.decided", "The reviewers approved or rejected the packet.", _decided),
    EventType("review.expired", "Nobody decided about the packet in time.", _ended),
    EventType("review.superseded", "Another packet was submitted instead.", _ended),
    EventType("review.cancelled", "The work order ended undecided.", _ended),
    EventType("review.reminded", "Whoever may decide is reminded.", note_reminded),
    EventType("review.escalated", "The next person of the list is asked.", note_escalated),
    EventType("review.digest_due", "It is time to send everybody the list of what waits."),
    EventType("review.snoozed", "Somebody wants to be reminded later.", note_snoozed),
    EventType("review.taken_over", "Somebody looks after the review.", note_taken_over),
)
