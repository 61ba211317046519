"""What the server's events mean for Slack: something to show again, a reminder, a digest.

Above: the event feed. Below: showing. An event only says where to look: what is shown comes from
the card that is read then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos_bots.slack.digests import Digests
from agentos_bots.slack.showing import Showing

_PREFIXES = ("review.", "approval.", "decision.", "question.", "work_order.")
DIGEST = "review.digest_due"


def is_wanted(event: Mapping[str, Any]) -> bool:
    """Whether an event is about something that Slack shows."""
    type = str(event.get("type"))
    return type == DIGEST or (type.startswith(_PREFIXES) and review_of(event) is not None)


class Happenings:
    """Brings Slack up to date with events, of which each may come more than once."""

    def __init__(self, showing: Showing, digests: Digests) -> None:
        self._showing = showing
        self._digests = digests

    async def handle(self, event: Mapping[str, Any]) -> None:
        """Do what an event asks for; the errors of showing and posting come as they are."""
        data = event.get("data") or {}
        if event["type"] == DIGEST:
            await self._digests.send(str(data["date"]), _names(data.get("persons")))
            return
        review = review_of(event)
        if review is None:
            return
        await self._showing.show(review)
        if event["type"] == "review.reminded":
            await self._showing.remind(review, int(data["number"]))
        elif event["type"] == "review.escalated":
            await self._escalate(review, int(data["number"]), _names(data.get("to")))

    async def _escalate(self, review: str, number: int, to: list[str]) -> None:
        users = await self._digests.users_of(to) if to else []
        mentions = [f"<@{user.id}>" for user, _ in users]
        await self._showing.escalate(review, number, to, mentions)


def _names(value: Any) -> list[str]:
    return [str(name) for name in (value if isinstance(value, list) else [value]) if name]


def review_of(event: Mapping[str, Any]) -> str | None:
    """The review that an event is about."""
    data = event.get("data")
    if not isinstance(data, Mapping):
        return None
    review = data.get("review") or data.get("review_id")
    return review if isinstance(review, str) else None
