"""Calls Slack's Web API and says what came of it: an answer, a refusal, or that nobody knows.

Above: posting, listeners, the app. Below: slack_sdk, without its own repetitions: it would repeat a
`chat.postMessage` whose answer was lost, and so post twice. Retry-After is obeyed here, for every
caller of a method at once; for a while after it they go one after the other, since a burst that waited
together would be refused together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from agentos import InvalidStateError, LimitExceededError, UnavailableError
from agentos_bots.slack.figures import Figures

DEFAULT_RETRY_AFTER_S = 30.0
ONE_BY_ONE_S = 30.0
"""So long after the end of a limit."""
_READS = frozenset({"users.info", "conversations.history", "conversations.replies"})
"""Methods that take no JSON."""
_TROUBLE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


class SlackRefusedError(InvalidStateError):
    """Slack answered that it will not; `error` is Slack's own word for why."""

    def __init__(self, method: str, error: str, detail: str = "") -> None:
        super().__init__(f"Slack refuses {method}: {error}{detail}")
        self.error = error


class RateLimitedError(LimitExceededError):
    """Slack wants fewer calls; the call had no effect, and may be made after `retry_after_s`."""

    def __init__(self, method: str, retry_after_s: float) -> None:
        super().__init__(f"Slack wants {method} to wait {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class _LimitedNowError(RateLimitedError):
    """Slack answered so just now."""


class SlackWeb:
    """One workspace's Web API, as the bot."""

    def __init__(self, client: AsyncWebClient, figures: Figures) -> None:
        self.client = client
        self._figures = figures
        self._free_at_s: dict[str, float] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def call(
        self, method: str, *, patience_s: float = 60.0, **arguments: Any
    ) -> dict[str, Any]:
        """What Slack answers.

        Waits as Slack says where it limits the rate, up to `patience_s` in all, else
        RateLimitedError. SlackRefusedError for an error of Slack's. UnavailableError where no
        answer came: the call may have had its effect.
        """
        waiting_until_s = _now_s() + patience_s
        while True:
            try:
                async with self._turn(method, waiting_until_s):
                    return await self._once(method, arguments)
            except _LimitedNowError as error:
                self._figures.count_rate_limit(method)
                free_at_s = _now_s() + error.retry_after_s
                self._free_at_s[method] = max(free_at_s, self._free_at_s.get(method, 0.0))

    @asynccontextmanager
    async def _turn(self, method: str, waiting_until_s: float) -> AsyncIterator[None]:
        if _now_s() > self._free_at_s.get(method, -ONE_BY_ONE_S) + ONE_BY_ONE_S:
            yield
            return
        turn = self._turns.setdefault(method, asyncio.Lock())
        try:
            async with asyncio.timeout_at(waiting_until_s):
                await turn.acquire()
        except TimeoutError:
            pause_s = max(self._free_at_s[method] - _now_s(), 1.0)
            raise RateLimitedError(method, pause_s) from None
        try:
            await self._wait_for_end_of_limit(method, waiting_until_s)
            yield
        finally:
            turn.release()

    async def _wait_for_end_of_limit(self, method: str, waiting_until_s: float) -> None:
        while (pause_s := self._free_at_s.get(method, 0.0) - _now_s()) > 0:
            if _now_s() + pause_s > waiting_until_s:
                raise RateLimitedError(method, pause_s)
            await asyncio.sleep(pause_s)

    async def _once(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            if method in _READS:
                response = await self.client.api_call(method, http_verb="GET", params=given)
            else:
                response = await self.client.api_call(method, json=given)
        except SlackApiError as error:
            raise _translated(method, error) from None
        except (aiohttp.ClientError, SlackClientError, TimeoutError, OSError) as error:
            # The error's text may hold the request, and with it a token.
            raise UnavailableError(
                f"Slack did not answer {method}: {type(error).__name__}", remedy="try again"
            ) from None
        data: Any = response.data
        return data if isinstance(data, dict) else {}


def _translated(method: str, error: SlackApiError) -> Exception:
    response: Any = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 0
    headers = getattr(response, "headers", None) or {}
    said = response.get("error") if hasattr(response, "get") else None
    if status == 429 or said in ("ratelimited", "rate_limited"):
        return _LimitedNowError(method, _retry_after_s(headers))
    if said is None or status >= 500 or said in _TROUBLE:
        return UnavailableError(
            f"Slack did not answer {method}: {said or f'HTTP status {status}'}", remedy="try again"
        )
    return SlackRefusedError(method, str(said), _detail(response))


def _detail(response: Any) -> str:
    metadata = response.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    if not isinstance(messages, list) or not messages:
        return ""
    return f" ({'; '.join(str(each) for each in messages[:3])[:300]})"


def _retry_after_s(headers: Any) -> float:
    for name, value in dict(headers).items():
        text = str(value)
        if str(name).lower() == "retry-after" and text.isascii() and text.isdigit():
            return float(min(int(text), 3_600))
    return DEFAULT_RETRY_AFTER_S


def _now_s() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def open_web(
    token: str, api_url: str, *, timeout_s: float, figures: Figures
) -> AsyncIterator[SlackWeb]:
    """The Web API at `api_url` with a bot's token, over one pool of connections."""
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        client = AsyncWebClient(
            token=token,
            base_url=api_url,
            session=session,
            timeout=int(timeout_s) or 1,
            retry_handlers=[],
        )
        yield SlackWeb(client, figures)
