"""Socket Mode: one connection that the bot opens, watched, and opened anew where it does not heal.

Above: the bot. Below: slack_sdk's client. Slack closes connections every few hours and says so
before; the SDK then opens another. Where that fails, the SDK tries the same address again for ever,
though it is good for one use: so a client that stays unconnected is replaced here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from agentos import ConfigurationError
from agentos_bots.slack.backoff import Backoff
from agentos_bots.slack.settings import SlackSettings

PATIENCE_PINGS = 3
"""After so many pings' time without a connection the client is replaced."""
_BAD_TOKEN = frozenset({"invalid_auth", "not_authed", "account_inactive", "not_allowed_token_type"})

_log = structlog.get_logger(__name__)


class Socket:
    """The connection of one bot."""

    def __init__(self, bolt: AsyncApp, settings: SlackSettings, app_token: str) -> None:
        self._bolt = bolt
        self._settings = settings
        self._app_token = app_token
        self._handler: AsyncSocketModeHandler | None = None
        self.is_connected = False

    async def connect(self) -> None:
        """Open the connection; ConfigurationError where Slack does not take the token."""
        backoff = Backoff(self._settings.retry_min_s, self._settings.retry_max_s)
        while not self.is_connected:
            await self._open()
            if not self.is_connected:
                await backoff.wait()

    async def watch(self) -> None:
        """Keep it open until cancelled."""
        ping_s = self._settings.ping_every_s
        missed = 0
        while True:
            await asyncio.sleep(ping_s)
            handler = self._handler
            self.is_connected = handler is not None and await handler.client.is_connected()
            missed = 0 if self.is_connected else missed + 1
            if missed >= PATIENCE_PINGS:
                _log.warning("socket_replaced")
                missed = 0
                await self._replace()

    async def close(self) -> None:
        """End the connection for good."""
        handler, self._handler, self.is_connected = self._handler, None, False
        if handler is not None:
            await handler.close_async()  # type: ignore[no-untyped-call]

    async def _replace(self) -> None:
        try:
            async with asyncio.timeout(self._settings.slack_timeout_s):
                await self.close()
                await self._open()
        except (ConfigurationError, TimeoutError) as error:
            _log.error("socket_not_opened", reason=str(error) or "no answer in time")

    async def _open(self) -> None:
        if self._handler is not None:
            await self.close()
        web_client = AsyncWebClient(
            base_url=self._settings.api_url,
            timeout=int(self._settings.slack_timeout_s) or 1,
            retry_handlers=[],
        )
        self._handler = AsyncSocketModeHandler(
            self._bolt,
            self._app_token,
            web_client=web_client,
            logger=logging.getLogger("slack_sdk.socket_mode"),
            ping_interval=self._settings.ping_every_s,
        )
        try:
            async with asyncio.timeout(self._settings.slack_timeout_s):
                await self._connect(self._handler, web_client)
            self.is_connected = True
            _log.info("socket_open")
        except SlackApiError as error:
            said = str(error.response.get("error"))
            if said in _BAD_TOKEN:
                raise ConfigurationError(f"Slack does not take SLACK_APP_TOKEN: {said}") from None
            _log.warning("socket_not_opened", reason=said)
        except Exception as error:  # the SDK lets through whatever its HTTP client raises
            _log.warning("socket_not_opened", reason=type(error).__name__)

    async def _connect(self, handler: AsyncSocketModeHandler, web_client: AsyncWebClient) -> None:
        # Asked for here, since the SDK would ask again for ever with a token that is none.
        opened = await web_client.apps_connections_open(app_token=self._app_token)
        handler.client.wss_uri = str(opened["url"])
        await handler.connect_async()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def open_socket(
    bolt: AsyncApp, settings: SlackSettings, app_token: str
) -> AsyncIterator[Socket]:
    """An open connection, kept open for as long as the block lasts."""
    socket = Socket(bolt, settings, app_token)
    watching: asyncio.Task[None] | None = None
    try:
        await socket.connect()
        watching = asyncio.create_task(socket.watch())
        yield socket
    finally:
        if watching is not None:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        await socket.close()
