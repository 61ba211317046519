"""Keeps one channel up to date: follows the events from where it was, and shows what they concern.

Above: the plugin starts one for each channel, in every server process. Below: showing. What is posted
is kept on the server, so any process may be the one that shows a review, and each may stop at any
moment. The cursor moves on only behind what was shown. Beside that it looks again at what something
older may have come over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import structlog

from agentos import Event, ReviewChannel, Settling, UnavailableError
from agentos_channels.bot import ChannelBot
from agentos_channels.showing import InHand, PostInHandError, is_posted, show

PAGE = 200
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 60.0
IN_HAND_PAUSE_S = 1.0
MAX_IN_HAND_PAUSES = 90
"""Longer than a lease lasts."""
MAX_REFRESH_PAUSES = 6
"""Whoever sent what changed waits, GitHub for ten seconds."""
POLL_S = 300.0
"""How often is asked what other processes left to be looked at again."""
MAX_ATTEMPTS = 12
"""About ten minutes; then the review is shown at its next event."""
OPEN_PAGE = 200
_CONCERNS = ("review.", "approval.", "decision.", "question.", "work_order.", "usage.")

_log = structlog.get_logger(__name__)


class Follower:
    """One channel's follower in this process."""

    def __init__(self, channel: ReviewChannel, bot: ChannelBot) -> None:
        self._channel = channel
        self._bot = bot
        self._kernel = bot.kernel
        self._in_hand = InHand()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.settling = Settling(
            self._unsettled,
            self._settle,
            self._in_hand.unsettled,
            poll_s=POLL_S,
            retry_s=FIRST_PAUSE_S,
        )

    async def run(self) -> None:
        """Follow for ever, over trouble with the database."""
        while True:
            try:
                await self._follow()
            except UnavailableError as error:
                _log.warning("channel_paused", channel=self._channel.name, error=error.message)
                await asyncio.sleep(FIRST_PAUSE_S)
            except Exception as error:  # noqa: BLE001 - a channel's trouble is not the server's
                _log.error("channel_paused", channel=self._channel.name, exc_info=error)
                await asyncio.sleep(MAX_PAUSE_S)

    async def show(self, review: str) -> bool:
        """Show one review, with repetitions; whether it could be shown."""
        pause_s, n_attempts, n_in_hand = FIRST_PAUSE_S, 0, 0
        while n_attempts < MAX_ATTEMPTS and n_in_hand < MAX_IN_HAND_PAUSES:
            try:
                await self._show(review)
                return True
            except PostInHandError:
                n_in_hand += 1
                await asyncio.sleep(IN_HAND_PAUSE_S)
            except UnavailableError as error:
                _log.warning("review_not_shown_yet", **self._names(review), error=error.message)
                n_attempts += 1
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, MAX_PAUSE_S)
            except Exception as error:  # noqa: BLE001 - one review must not stop a channel
                _log.error("review_not_shown", **self._names(review), exc_info=error)
                return False
        _log.error("review_not_shown", **self._names(review), attempts=n_attempts)
        return False

    async def refresh(self, review: str) -> bool:
        """Render what is posted again, where the channel's own things have changed.

        False if nothing is. UnavailableError where it could not be done now.
        """
        if not await is_posted(self._channel, self._bot, review):
            return False
        for _ in range(MAX_REFRESH_PAUSES):
            try:
                return await self._show(review, again=True)
            except PostInHandError:
                await asyncio.sleep(IN_HAND_PAUSE_S)
        return await self._show(review, again=True)

    async def _show(self, review: str, *, again: bool = False) -> bool:
        # One after the other: they would take each other's claim for their own.
        turn = self._turns.setdefault(review, asyncio.Lock())
        async with turn:
            return await show(self._channel, self._bot, review, self._in_hand, again=again)

    async def _unsettled(self) -> Sequence[Mapping[str, Any]]:
        found = await self._bot.call("list_unsettled_posts", channel=self._channel.name)
        posts: Sequence[Mapping[str, Any]] = found["posts"]
        return posts

    async def _settle(self, review: str) -> bool:
        """Look at one again; False where that could not be done now."""
        try:
            return await self._show(review)
        except UnavailableError as error:
            _log.warning("review_not_settled", **self._names(review), error=error.message)
        except Exception as error:  # noqa: BLE001 - one review must not stop a channel
            _log.error("review_not_settled", **self._names(review), exc_info=error)
        return False

    async def _follow(self) -> None:
        after = await self._start()
        async for page in self._kernel.bus.pages(after, PAGE):
            reviews = reviews_of(page)
            for review in reviews:
                await self.show(review)
            if reviews:
                # Only then: saving is a call, which is itself an event.
                await self._save(page[-1].position)

    async def _start(self) -> int:
        """Where to go on; the first time, from now, since what is open is shown at once."""
        cursor = await self._bot.call("get_cursor", channel=self._channel.name)
        position: int = cursor["position"]
        if cursor["saved_at"] is None:
            position = await self._kernel.bus.reader.last_position()
            # Before anything is posted: what ends while no server runs must not go unseen.
            await self._save(position)
        await self._show_open()
        return position

    async def _show_open(self) -> None:
        cursor: str | None = None
        while True:
            arguments: dict[str, Any] = {"limit": OPEN_PAGE}
            page = await self._bot.call(
                "list_waiting", **arguments, **({} if cursor is None else {"cursor": cursor})
            )
            for row in page["reviews"]:
                await self.show(row["id"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def _save(self, position: int) -> None:
        await self._bot.call("save_cursor", channel=self._channel.name, position=position)

    def _names(self, review: str) -> Mapping[str, str]:
        return {"channel": self._channel.name, "review": review}


def reviews_of(events: Iterable[Event]) -> list[str]:
    """The reviews that the events concern, each once, in order."""
    found: dict[str, None] = {}
    for event in events:
        if event.type.startswith(_CONCERNS):
            review = event.data.get("review") or event.data.get("review_id")
            if isinstance(review, str):
                found[review] = None
    return list(found)
