"""One bot: everything it stands on, opened in order and closed in reverse.

Above: the process, and tests that run several bots in one. Below: the transports, the event feed,
the listeners. Nothing that is decided or posted is kept here: any bot can take any click, and one
that is killed at any moment is replaced by another that knows as much.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp

from agentos import ConfigurationError, RequestError, Settling, ToolError, UnavailableError
from agentos_bots.slack.app import create_bolt_app, create_http_app
from agentos_bots.slack.backoff import Backoff
from agentos_bots.slack.digests import Digests
from agentos_bots.slack.event_feed import EventFeed
from agentos_bots.slack.figures import Figures
from agentos_bots.slack.guard import Guard
from agentos_bots.slack.happenings import Happenings, is_wanted
from agentos_bots.slack.http_server import serve
from agentos_bots.slack.identity import Identities
from agentos_bots.slack.kernel_client import KernelClient, UnlinkedError, open_kernel_client
from agentos_bots.slack.listeners.desk import Desk, StillOpen
from agentos_bots.slack.listeners.registering import register_listeners
from agentos_bots.slack.people import CHANNEL, SlackUser
from agentos_bots.slack.posting import Posting
from agentos_bots.slack.settings import Secrets, SlackSettings
from agentos_bots.slack.showing import Showing
from agentos_bots.slack.socket import open_socket
from agentos_bots.slack.web import SlackRefusedError, SlackWeb, open_web

NOBODY = SlackUser("T0", "U0")

_log = structlog.get_logger(__name__)


class Bot:
    """A running bot."""

    def __init__(
        self,
        url: str,
        feed: EventFeed,
        following: asyncio.Task[None],
        figures: Figures,
        desk: Desk,
    ) -> None:
        self.url = url
        """Where it listens, such as `http://127.0.0.1:7421`."""
        self.feed = feed
        self.following = following
        """The task of the feed; one that ends by itself has a defect, raised at the end."""
        self.figures = figures
        self.desk = desk


@asynccontextmanager
async def open_bot(settings: SlackSettings, secrets: Secrets) -> AsyncIterator[Bot]:
    """A bot that works for as long as the block lasts, and finishes what has begun at its end.

    Waits for the server and for Slack where they are not there yet. ConfigurationError where either
    does not take the bot's token.
    """
    figures = Figures()
    async with AsyncExitStack() as stack:
        kernel = await stack.enter_async_context(
            open_kernel_client(
                settings.server, secrets.server_token, timeout_s=settings.call_timeout_s
            )
        )
        web = await stack.enter_async_context(
            open_web(
                secrets.bot_token,
                settings.api_url,
                timeout_s=settings.slack_timeout_s,
                figures=figures,
            )
        )
        await _admitted(kernel, settings)
        workspace = await _workspace(web, settings)
        team = str(workspace.get("team_id") or "")
        posting = Posting(kernel, web, settings, figures, str(workspace.get("bot_id")))
        showing = Showing(kernel, posting, settings, str(workspace.get("url") or ""))
        identities = Identities(kernel, web, team, settings.team_domains)
        desk = Desk(kernel, web, showing, identities, figures, StillOpen())
        bolt = create_bolt_app(web.client, secrets.signing_secret, workspace)
        register_listeners(bolt, desk)
        happenings = Happenings(showing, Digests(kernel, web, posting, team))
        settling = Settling(
            _unsettled_posts(kernel),
            showing.show,
            posting.unsettled,
            poll_s=settings.resync_every_s,
            retry_s=settings.retry_max_s,
        )
        feed = EventFeed(
            kernel,
            settings,
            figures,
            is_wanted=is_wanted,
            handle=happenings.handle,
            resync=showing.resync,
            beside=settling.run,
        )
        # Closed in reverse: first no more clicks, then those at work finish, then the feed.
        following = asyncio.create_task(feed.run())
        stack.push_async_callback(_finished, feed, following)
        stack.push_async_callback(_drained, desk, settings)
        url = await stack.enter_async_context(
            _transport(bolt, settings, secrets, figures, lambda: feed.is_connected)
        )
        _log.info(
            "bot_started",
            mode=settings.mode,
            url=url,
            server=settings.server,
            team=team,
        )
        yield Bot(url, feed, following, figures, desk)
        _log.info("bot_stopping")


@asynccontextmanager
async def _transport(
    bolt: AsyncApp,
    settings: SlackSettings,
    secrets: Secrets,
    figures: Figures,
    is_ready: Callable[[], bool],
) -> AsyncIterator[str]:
    if settings.mode == "http":
        guard = Guard(secrets.signing_secret, time.time)
        app = create_http_app(bolt, guard, figures, is_ready)
        async with serve(app, settings.host, settings.port) as url:
            yield url
        return
    async with open_socket(bolt, settings, secrets.app_token) as socket:
        app = create_http_app(None, None, figures, lambda: is_ready() and socket.is_connected)
        async with serve(app, settings.host, settings.port) as url:
            yield url


def _unsettled_posts(kernel: KernelClient) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    async def list_posts() -> list[dict[str, Any]]:
        found = await kernel.call("list_unsettled_posts", {"channel": CHANNEL})
        posts: list[dict[str, Any]] = found["posts"]
        return posts

    return list_posts


async def _admitted(kernel: KernelClient, settings: SlackSettings) -> None:
    """Return once the server answers; ConfigurationError where it does not take the token."""
    backoff = Backoff(settings.retry_min_s, settings.retry_max_s)
    while True:
        try:
            # Only a bot's token may ask for somebody else, who here is nobody.
            await kernel.call("list_waiting", {"limit": 1}, on_behalf_of=NOBODY)
        except UnlinkedError:
            return
        except UnavailableError as error:
            _log.warning("waiting_for_server", server=settings.server, reason=error.message)
        except (RequestError, ToolError) as error:
            raise ConfigurationError(
                f"the server {settings.server} does not admit the bot: {error.message}; "
                "AGENTOS_TOKEN must be a token of role bot"
            ) from None
        await backoff.wait()


async def _workspace(web: SlackWeb, settings: SlackSettings) -> dict[str, Any]:
    """What Slack says of the bot itself; ConfigurationError where it does not take the token."""
    backoff = Backoff(settings.retry_min_s, settings.retry_max_s)
    while True:
        try:
            return await web.call("auth.test")
        except SlackRefusedError as error:
            raise ConfigurationError(
                f"Slack does not take SLACK_BOT_TOKEN: {error.error}"
            ) from None
        except ToolError as error:
            _log.warning("waiting_for_slack", reason=error.message)
        await backoff.wait()


async def _drained(desk: Desk, settings: SlackSettings) -> None:
    try:
        async with asyncio.timeout(settings.shutdown_timeout_s):
            await desk.at_work.wait()
    except TimeoutError:
        _log.warning("listeners_left_behind", after_s=settings.shutdown_timeout_s)


async def _finished(feed: EventFeed, following: asyncio.Task[None]) -> None:
    feed.stop()
    await following
