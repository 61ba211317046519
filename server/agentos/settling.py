"""Looks again at what a channel shows, where something older may have come over it late.

Above: bots and the in-server channels, one of these for each channel in a process. Below: what
`list_unsettled_posts` answers. A service may carry out an update after its sender gave up on it, over a
newer one. Which messages that may have happened to, and when to look, is kept on the server: so this
holds over the death of any process, and of several that look at once one has the claim.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from agentos.errors import RequestError, ToolError

SHORTEST_PAUSE_S = 0.2
MAX_RETRY_S = 3_600.0

_log = structlog.get_logger(__name__)


class Settling:
    """One process's share of it in one channel; `run` it in a task."""

    def __init__(
        self,
        list_posts: Callable[[], Awaitable[Sequence[Mapping[str, Any]]]],
        show: Callable[[str], Awaitable[object]],
        unsettled: asyncio.Event,
        *,
        poll_s: float,
        retry_s: float,
    ) -> None:
        """`list_posts` answers the `posts` of `list_unsettled_posts`; `show` shows a review as it is.

        `show` raises, or answers False, where it cannot. `unsettled` is set with each message that this
        process leaves so. At the latest every `poll_s` it asks what others left. After trouble it waits
        `retry_s`, and longer each time for a review that cannot be shown.
        """
        self._list_posts = list_posts
        self._show = show
        self._unsettled = unsettled
        self._poll_s = poll_s
        self._retry_s = retry_s
        self._failed: dict[str, tuple[int, float]] = {}
        """How often a review could not be shown, and until when it is left alone."""

    async def run(self) -> None:
        """Look for ever: at the start, when this process left something unsettled, and now and then."""
        while True:
            self._unsettled.clear()
            pause_s = await self.settle()
            try:
                async with asyncio.timeout(max(pause_s, SHORTEST_PAUSE_S)):
                    await self._unsettled.wait()
            except TimeoutError:
                continue

    async def settle(self) -> float:
        """Look at what is due; in how many seconds there is more to do."""
        try:
            posts = await self._list_posts()
            listed = {post["review"] for post in posts}
            self._failed = {id: kept for id, kept in self._failed.items() if id in listed}
            due = [post for post in posts if self._due_in_s(post) <= 0]
            for post in due:
                await self._settle_one(post["review"])
            if due:
                posts = await self._list_posts()
        except (ToolError, RequestError) as error:
            _log.warning("unsettled_posts_not_read", reason=error.message)
            return self._retry_s
        return min([self._poll_s, *(self._due_in_s(post) or self._retry_s for post in posts)])

    def _due_in_s(self, post: Mapping[str, Any]) -> float:
        _, until_s = self._failed.get(post["review"], (0, 0.0))
        return max(float(post["due_in_s"]), until_s - _now_s(), 0.0)

    async def _settle_one(self, review: str) -> None:
        n_failures, _ = self._failed.pop(review, (0, 0.0))
        try:
            is_shown = await self._show(review)
        except (ToolError, RequestError) as error:
            _log.warning("post_not_settled", review=review, reason=error.message)
            is_shown = False
        if is_shown is False:
            pause_s = min(self._retry_s * 2 ** min(n_failures, 20), MAX_RETRY_S)
            self._failed[review] = n_failures + 1, _now_s() + pause_s


def _now_s() -> float:
    return asyncio.get_running_loop().time()
