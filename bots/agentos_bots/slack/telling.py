"""Tells one person something that nobody else sees, by whatever way is still open.

Above: listeners. Below: Slack. The address that came with a click is good for half an hour and
five uses; after that, and from a modal, an ephemeral message in the channel; else a direct message.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog

from agentos import ToolError
from agentos_bots.slack.interaction import Interaction
from agentos_bots.slack.messages import Message
from agentos_bots.slack.modals import notice_view
from agentos_bots.slack.web import SlackWeb

PATIENCE_S = 10.0
"""How long an answer to a person may wait for Slack's rate limit."""

_log = structlog.get_logger(__name__)


async def tell(web: SlackWeb, done: Interaction, message: Message) -> bool:
    """Whether Slack took the message for the person; what stands recorded does not depend on it."""
    if done.response_url is not None and await respond(web, done.response_url, message):
        return True
    if await _put_on_top(web, done, message):
        return True
    return await _whisper(web, done, message) or await _direct(web, done, message)


async def respond(web: SlackWeb, url: str, message: Message, *, replaces: bool = False) -> bool:
    """Whether Slack took an answer at the address of a click; it may replace what was clicked.

    An address that is not Slack's gets nothing, whoever signed the request that names it.
    """
    if not is_slacks(url, web.client.base_url):
        _log.warning("response_url_foreign", host=urlsplit(url).hostname)
        return False
    said: dict[str, Any] = {
        **message.arguments(),
        "response_type": "ephemeral",
        "replace_original": replaces,
    }
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as session,
            session.post(url, json=said, allow_redirects=False) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        _log.info("response_url_failed", reason=type(error).__name__)
        return False


def is_slacks(url: str, api_url: str) -> bool:
    """Whether an address is on the host of the Web API, or below its domain (`hooks.slack.com`)."""
    try:
        asked, api = urlsplit(url), urlsplit(api_url)
        host, own = (asked.hostname or "").lower(), (api.hostname or "").lower()
        is_there = (host, asked.port) == (own, api.port)
    except ValueError:
        return False
    is_below = host.endswith(f".{own}") and asked.port is None
    return asked.scheme == api.scheme and bool(own) and (is_there or is_below)


async def _put_on_top(web: SlackWeb, done: Interaction, message: Message) -> bool:
    """Whether the words lie on the modal in which it happened."""
    if not done.is_in_modal or done.trigger_id is None or done.kind == "view_submission":
        return False
    view = notice_view("AgentOS", message)
    return await _taken(web, "views.push", trigger_id=done.trigger_id, view=view)


async def _whisper(web: SlackWeb, done: Interaction, message: Message) -> bool:
    if done.channel is None:
        return False
    return await _taken(
        web,
        "chat.postEphemeral",
        channel=done.channel,
        user=done.user.id,
        **message.arguments(),
    )


async def _direct(web: SlackWeb, done: Interaction, message: Message) -> bool:
    return await _taken(web, "chat.postMessage", channel=done.user.id, **message.arguments())


async def _taken(web: SlackWeb, method: str, **arguments: Any) -> bool:
    try:
        await web.call(method, patience_s=PATIENCE_S, **arguments)
    except ToolError as error:
        _log.warning("person_not_told", method=method, reason=error.message)
        return False
    return True
