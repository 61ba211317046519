"""Renders once more what an update that came too late may have overwritten.

Above: the bot, beside the event feed. Below: `list_unsettled_posts` of the server, showing. Slack may
carry out an update after its bot gave up on it, over a newer one. The server knows of which messages
that is possible, and from when on it is worth a look: so this holds over the death of any bot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from agentos import RequestError, ToolError
from agentos_bots.slack.kernel_client import KernelClient
from agentos_bots.slack.people import CHANNEL
from agentos_bots.slack.settings import SlackSettings
from agentos_bots.slack.showing import Showing

SHORTEST_PAUSE_S = 0.2

_log = structlog.get_logger(__name__)


class Settling:
    """One bot's share of it; `run` it in a task."""

    def __init__(
        self,
        kernel: KernelClient,
        showing: Showing,
        settings: SlackSettings,
        unsettled: asyncio.Event,
    ) -> None:
        self._kernel = kernel
        self._showing = showing
        self._settings = settings
        self._unsettled = unsettled

    async def run(self) -> None:
        """Look for ever: at the start, when this bot left something unsettled, and now and then."""
        while True:
            self._unsettled.clear()
            pause_s = await self._settle()
            try:
                async with asyncio.timeout(max(pause_s, SHORTEST_PAUSE_S)):
                    await self._unsettled.wait()
            except TimeoutError:
                continue

    async def _settle(self) -> float:
        """Render what is due; in how many seconds the next is."""
        try:
            found = await self._kernel.call("list_unsettled_posts", {"channel": CHANNEL})
        except (ToolError, RequestError) as error:
            _log.warning("unsettled_posts_not_read", reason=error.message)
            return self._settings.retry_max_s
        pauses = [await self._settle_one(post) for post in found["posts"]]
        return min([self._settings.resync_every_s, *pauses])

    async def _settle_one(self, post: Mapping[str, Any]) -> float:
        if post["due_in_s"] > 0:
            return float(post["due_in_s"])
        try:
            await self._showing.show(post["review"])
        except (ToolError, RequestError) as error:
            _log.warning("post_not_settled", review=post["review"], reason=error.message)
            return self._settings.retry_max_s
        _log.info("post_settled", review=post["review"], part=post["part"])
        return self._settings.resync_every_s
