"""Follows the server's events from the durable cursor, at least once, over every interruption.

Above: the bot. Below: `GET /events` (server-sent events), `get_cursor`, `save_cursor`. The cursor
is saved up to where every event is done with, so that what a process had begun when it died is
begun again by the next one. Whoever handles an event must therefore be able to do so twice.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import httpx2
import orjson
import structlog

from agentos import RequestError, ToolError, UnavailableError
from agentos_bots.slack.backoff import Backoff
from agentos_bots.slack.figures import Figures
from agentos_bots.slack.kernel_client import KernelClient
from agentos_bots.slack.people import CHANNEL
from agentos_bots.slack.settings import SlackSettings
from agentos_bots.slack.watermark import Watermark
from agentos_bots.slack.web import RateLimitedError

SILENCE_S = 45.0
"""The server sends a heartbeat every 15 s; after this long without one the stream is dead."""
MAX_AT_ONCE = 16
SAVE_EVERY_S = 1.0
SAVE_EVERY_POSITIONS = 2_000
"""Saving is a call, and calls are events: saving whenever there are new ones would never end."""

Handler = Callable[[Mapping[str, Any]], Awaitable[None]]

_log = structlog.get_logger(__name__)


class EventFeed:
    """One bot's way through the log; `run` it in a task."""

    def __init__(
        self,
        kernel: KernelClient,
        settings: SlackSettings,
        figures: Figures,
        *,
        is_wanted: Callable[[Mapping[str, Any]], bool],
        handle: Handler,
        resync: Callable[[], Awaitable[None]],
        beside: Callable[[], Awaitable[None]],
    ) -> None:
        self._kernel = kernel
        self._settings = settings
        self._figures = figures
        self._is_wanted = is_wanted
        self._handle = handle
        self._resync = resync
        self._beside = beside
        self._saved = 0
        self._is_moved = False
        self._stopped = asyncio.Event()
        self._handling: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MAX_AT_ONCE)
        self.is_connected = False

    async def run(self) -> None:
        """Handle events until `stop`, then let those that have begun finish for a while."""
        self._mark = Watermark(await self._first_position())
        self._saved = self._mark.position
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._follow(self._mark, tasks))
            saving = tasks.create_task(self._save_often(self._mark))
            comparing = tasks.create_task(self._resync_often())
            settling = tasks.create_task(self._run_beside())
            await self._stopped.wait()
            following.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.shutdown_timeout_s):
                    await self._until_idle()
            saving.cancel()
            comparing.cancel()
            settling.cancel()
            for task in self._handling:
                task.cancel()
        await self._save(self._mark)

    def stop(self) -> None:
        """Take no more events; `run` returns soon."""
        self._stopped.set()

    async def _until_idle(self) -> None:
        while self._handling:
            await asyncio.wait(self._handling)

    async def _save(self, mark: Watermark) -> None:
        position = mark.position
        self._figures.show_position(position)
        is_far = position - self._saved >= SAVE_EVERY_POSITIONS
        if position == self._saved or not (self._is_moved or is_far):
            return
        self._is_moved = False
        try:
            await self._save_position(position)
        except (ToolError, RequestError) as error:
            _log.warning("cursor_not_saved", position=position, reason=error.message)
            self._is_moved = True
            return
        self._saved = position

    async def _save_position(self, position: int) -> None:
        arguments = {"channel": CHANNEL, "position": position}
        await self._kernel.call("save_cursor", arguments, key=uuid.uuid4().hex)

    async def _first_position(self) -> int:
        """The durable cursor; where there is none yet, the newest position: the resync does the rest.

        That is saved before anything is posted: what ends while no bot runs must not go unseen.
        """
        backoff = self._backoff()
        while True:
            try:
                cursor = await self._kernel.call("get_cursor", {"channel": CHANNEL})
                if cursor["saved_at"] is not None:
                    return int(cursor["position"])
                position = int(cursor["head"])
                await self._save_position(position)
                return position
            except (ToolError, RequestError) as error:
                _log.warning("cursor_not_read", reason=error.message)
                await backoff.wait()

    async def _follow(self, mark: Watermark, tasks: asyncio.TaskGroup) -> None:
        backoff = self._backoff()
        newest = mark.position
        while True:
            try:
                # What happened while nobody listened, or was posted by nobody for any reason.
                await self._resync()
                async for event in self._events(newest):
                    backoff.reset()
                    newest = int(event["position"])
                    await self._take(event, mark, tasks)
            except (httpx2.HTTPError, ToolError, RequestError) as error:
                reason = getattr(error, "message", None) or type(error).__name__
                _log.warning("event_stream_lost", reason=reason, after=newest)
            finally:
                self.is_connected = False
            await backoff.wait()

    async def _take(
        self, event: Mapping[str, Any], mark: Watermark, tasks: asyncio.TaskGroup
    ) -> None:
        position = int(event["position"])
        if not self._is_wanted(event):
            mark.skip(position)
            return
        mark.begin(position)
        await self._room.acquire()
        task = tasks.create_task(self._until_handled(event, mark))
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)

    async def _until_handled(self, event: Mapping[str, Any], mark: Watermark) -> None:
        backoff = self._backoff()
        try:
            while True:
                try:
                    await self._handle(event)
                    break
                except (UnavailableError, RateLimitedError, RequestError) as error:
                    _log.warning("event_waits", type=event["type"], reason=error.message)
                    await backoff.wait()
                except ToolError as error:
                    # Waiting does not mend it; the next resync tries again.
                    self._give_up(event, error.message, None)
                    break
                except Exception as error:  # one event that cannot be shown must not stop the feed
                    self._give_up(event, type(error).__name__, error)
                    break
            mark.end(int(event["position"]))
            self._is_moved = True
        finally:
            self._room.release()

    def _give_up(self, event: Mapping[str, Any], reason: str, defect: Exception | None) -> None:
        self._figures.count_given_up()
        _log.error(
            "event_given_up",
            type=event["type"],
            position=event["position"],
            reason=reason,
            exc_info=defect,
        )

    async def _events(self, after: int) -> AsyncIterator[Mapping[str, Any]]:
        timeout = httpx2.Timeout(SILENCE_S, connect=10.0)
        url = f"{self._settings.server.rstrip('/')}/events"
        async with self._kernel.http.stream(
            "GET", url, params={"after": str(after)}, timeout=timeout
        ) as response:
            if response.status_code != 200:
                await response.aread()
                raise _refused(response)
            self._figures.count_feed_connection()
            self.is_connected = True
            _log.info("event_stream_open", after=after)
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    yield orjson.loads(line[6:])

    async def _save_often(self, mark: Watermark) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            await self._save(mark)

    async def _resync_often(self) -> None:
        """Try again what was given up, such as for a channel that the bot was not in."""
        while True:
            await asyncio.sleep(self._settings.resync_every_s)
            try:
                await self._resync()
            except (ToolError, RequestError) as error:
                _log.warning("resync_failed", reason=error.message)

    async def _run_beside(self) -> None:
        await self._beside()

    def _backoff(self) -> Backoff:
        return Backoff(self._settings.retry_min_s, self._settings.retry_max_s)


def _refused(response: httpx2.Response) -> Exception:
    said = f"the server answers /events with HTTP status {response.status_code}"
    return RequestError(said) if response.status_code in (401, 403) else UnavailableError(said)
