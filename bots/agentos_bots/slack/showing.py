"""Keeps what Slack shows of reviews equal to what the server says of them.

Above: the event feed, and listeners after a decision. Below: posting, and the cards as pure
functions. Everything is rendered from a card that was just read; nothing is remembered that could
decide anything: what is kept here only spares calls.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog

from agentos import NotFoundError, ToolError, UnavailableError
from agentos_bots.slack.block_kit import context
from agentos_bots.slack.cards import (
    render_answer,
    render_card,
    render_escalation,
    render_findings,
    render_question,
    render_reminder,
)
from agentos_bots.slack.documents import Card, parse_card
from agentos_bots.slack.kernel_client import KernelClient
from agentos_bots.slack.messages import Message
from agentos_bots.slack.people import CHANNEL
from agentos_bots.slack.posting import CARD, Claim, MessageRef, Part, Posting, Written
from agentos_bots.slack.settings import SlackSettings
from agentos_bots.slack.web import RateLimitedError

HISTORY_MARGIN_S = 60.0
"""By how much the clocks of Slack and the server may differ."""
MAX_KEPT = 10_000
PAGE = 100

_log = structlog.get_logger(__name__)


class Showing:
    """Reviews as one bot shows them."""

    def __init__(
        self,
        kernel: KernelClient,
        posting: Posting,
        settings: SlackSettings,
        workspace_url: str = "",
    ) -> None:
        self._kernel = kernel
        self._posting = posting
        self._settings = settings
        self._workspace_url = workspace_url
        self._turns = Turns()
        # Parts that never change, once they are recorded: no need to ask for them again.
        self._done: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def show(self, review: str) -> None:
        """Have Slack show a review as it is now: its card, findings, questions and answers.

        Raises UnavailableError where that could not be done now, SlackRefusedError where Slack
        will not have it. A review that the server does not know is nothing to show.
        """
        async with self._turns.turn(review) as is_needed:
            if not is_needed:
                return
            try:
                await self._show(review)
            except NotFoundError as error:
                _log.warning("review_unknown", review=review, reason=error.message)

    async def remind(self, review: str, number: int) -> None:
        """Post a reminder below the card, once."""
        card, document = await self._read(review)
        if card.is_open:
            await self._below(card, document, f"reminder:{number}", render_reminder(card, number))

    async def escalate(
        self, review: str, number: int, to: Sequence[str], mentions: Sequence[str]
    ) -> None:
        """Post below the card whom the review went to, once; Slack notifies those mentioned."""
        card, document = await self._read(review)
        if card.is_open:
            message = render_escalation(card, number, to)
            if mentions:
                blocks = [*message.blocks, context(" ".join(mentions))]
                message = Message(message.text, blocks)
            await self._below(card, document, f"escalation:{number}", message)

    async def resync(self) -> None:
        """Show everything that waits. One review that cannot be shown does not hide the others."""
        cursor: str | None = None
        while True:
            page = await self._kernel.call("list_waiting", {"limit": PAGE, "cursor": cursor})
            for waiting in page["reviews"]:
                await self._show_if_possible(waiting["id"])
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    async def read(self, review: str) -> Card:
        """The card as the server has it now."""
        return (await self._read(review))[0]

    async def read_newest(self, review: str) -> Card:
        """The card of what is there now, where another packet superseded that of the review."""
        card = await self.read(review)
        return card if card.superseded_by is None else await self.read_newest(card.superseded_by)

    async def rendered(self, card: Card) -> Message:
        """The card's message, with a link to the one that superseded it where that is posted."""
        ref = None
        if card.superseded_by is not None and self._workspace_url:
            asked = {"channel": CHANNEL, "review": card.superseded_by, "part": "card"}
            try:
                post = await self._kernel.call("get_post", asked)
                ref = MessageRef.parse(post["message_ref"])
            except NotFoundError:
                ref = None
        return render_card(card, None if ref is None else ref.permalink(self._workspace_url))

    async def _show_if_possible(self, review: str) -> None:
        try:
            await self.show(review)
        except (UnavailableError, RateLimitedError):
            raise
        except ToolError as error:
            _log.error("review_not_shown", review=review, reason=error.message)

    async def _show(self, review: str) -> None:
        while True:
            card, document = await self._read(review)
            ref = await self._show_card(card, document)
            if ref is None:
                return
            await self._show_thread(card, ref)
            # Whatever changed meanwhile is shown as well before this is called done.
            if (await self.read(review)).version == card.version:
                return

    async def _read(self, review: str) -> tuple[Card, Mapping[str, Any]]:
        document = await self._kernel.call("get_review_card", {"review": review})
        return parse_card(document), document

    async def _show_card(self, card: Card, document: Mapping[str, Any]) -> MessageRef | None:
        channel = self._settings.channel_of(document)
        if channel is None:
            _log.error("no_channel", review=card.id, kind=card.kind, remedy="set [slack] channel")
            return None
        part = Part(card.id, CARD, channel, since_s=_since_s(card))

        async def write(claim: Claim) -> Written:
            fresh = await self.read(card.id)
            ref = claim.posted
            if ref is None and not fresh.is_open:
                # Nobody needs to see what is over; but what was posted must not keep its buttons.
                ref = await self._posting.find(part) if claim.attempt > 1 else None
                if ref is None:
                    return Written(None, fresh.version)
            if ref is None:
                posted = await self._posting.post(part, render_card(fresh), claim)
                return Written(posted, fresh.version)
            if fresh.superseded_by is not None:
                await self._show_newer(fresh.superseded_by)
            message, is_shown = await self.rendered(fresh), None
            if claim.is_look and not claim.is_unsure:
                is_shown = await self._posting.shows(part, ref, message)
            if not is_shown:
                await self._posting.update(part, ref, message)
            return Written(ref, fresh.version, found_older=is_shown is False)

        return await self._posting.written(part, card.version, write)

    async def _show_newer(self, review: str) -> None:
        """Have the card that took another's place be there, so that the other can lead to it."""
        card, document = await self._read(review)
        if card.is_open:
            await self._show_card(card, document)

    async def _show_thread(self, card: Card, ref: MessageRef) -> None:
        for each in render_findings(card):
            await self._reply(card, ref, each.part, each.message)
        for question in card.questions:
            name = f"question:{question.id}"
            await self._reply(card, ref, name, render_question(card, question.id))
            if question.answer is not None:
                name = f"answer:{question.id}"
                await self._reply(card, ref, name, render_answer(card, question.id))

    async def _below(
        self, card: Card, document: Mapping[str, Any], name: str, message: Message
    ) -> None:
        ref = await self._show_card(card, document)
        if ref is not None:
            await self._reply(card, ref, name, message)

    async def _reply(self, card: Card, ref: MessageRef, name: str, message: Message) -> None:
        key = (card.id, name)
        if key in self._done:
            return
        part = Part(card.id, name, ref.channel, thread_ts=ref.ts)
        await self._posting.once(part, message)
        self._done[key] = None
        while len(self._done) > MAX_KEPT:
            self._done.popitem(last=False)


class Turns:
    """One at a time for each review; who waited behind somebody that began later is served too."""

    def __init__(self) -> None:
        self._clock = itertools.count()
        self._locks: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, int] = {}
        self._begun: dict[str, int] = {}

    @asynccontextmanager
    async def turn(self, review: str) -> AsyncIterator[bool]:
        """Whether there is anything left to do once it is the caller's turn."""
        came = next(self._clock)
        lock = self._locks.setdefault(review, asyncio.Lock())
        self._waiting[review] = self._waiting.get(review, 0) + 1
        try:
            async with lock:
                if self._begun.get(review, -1) > came:
                    yield False
                    return
                self._begun[review] = next(self._clock)
                try:
                    yield True
                except BaseException:
                    # Those who wait must try for themselves.
                    self._begun.pop(review, None)
                    raise
        finally:
            self._waiting[review] -= 1
            if self._waiting[review] == 0:
                for kept in (self._locks, self._waiting, self._begun):
                    kept.pop(review, None)


def _since_s(card: Card) -> float:
    return card.opened_at.timestamp() - HISTORY_MARGIN_S
