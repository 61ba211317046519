"""`conversations.*`: what was said, in pages, and direct messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentos.testing.slack.arguments import Arguments
from agentos.testing.slack.messages import Message
from agentos.testing.slack.people import SlackChannel
from agentos.testing.slack.refusal import SlackRefusalError
from agentos.testing.slack.workspace import Workspace

MAX_PAGE = 999


def history(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """A channel's messages without replies, newest first."""
    channel = _readable(workspace, arguments)
    messages = workspace.messages.visible(channel.id)
    return _page(list(reversed(messages)), arguments)


def replies(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """A thread, its root first."""
    channel = _readable(workspace, arguments)
    root = workspace.messages.find(channel.id, arguments.required("ts"))
    if root is None:
        raise SlackRefusalError("thread_not_found")
    thread = workspace.messages.visible(channel.id, root.thread_ts or root.ts)
    return _page(thread, arguments)


def info(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """A channel."""
    channel = workspace.channel(arguments.required("channel", "channel_not_found"))
    workspace.require_scope(f"{channel.kind}:read")
    return {"channel": channel.to_json()}


def open_direct(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """The direct message with one person."""
    users = arguments.required("users", "users_list_not_supplied").split(",")
    if len(users) > 1:
        raise SlackRefusalError("invalid_arguments", ["the emulator has no group messages"])
    return {"channel": workspace.direct(users[0]).to_json()}


def _readable(workspace: Workspace, arguments: Arguments) -> SlackChannel:
    channel = workspace.channel(arguments.required("channel", "channel_not_found"))
    workspace.require_scope(f"{channel.kind}:history")
    if not channel.is_bot_member:
        raise SlackRefusalError("not_in_channel")
    return channel


def _page(messages: Sequence[Message], arguments: Arguments) -> dict[str, Any]:
    limit = arguments.number("limit", 100)
    if not 1 <= limit <= MAX_PAGE:
        raise SlackRefusalError("invalid_limit")
    chosen = [message for message in messages if _is_between(message, arguments)]
    start = _start(chosen, arguments.text("cursor"))
    page, rest = chosen[start : start + limit], chosen[start + limit :]
    with_metadata = arguments.flag("include_all_metadata")
    return {
        "messages": [message.to_json(with_metadata=with_metadata) for message in page],
        "has_more": bool(rest),
        "response_metadata": {"next_cursor": rest[0].ts if rest else ""},
    }


def _is_between(message: Message, arguments: Arguments) -> bool:
    oldest, latest = arguments.text("oldest", "0"), arguments.text("latest")
    after, before = _moment(message.ts) - _moment(oldest), None
    if latest:
        before = _moment(latest) - _moment(message.ts)
    if arguments.flag("inclusive"):
        return after >= 0 and (before is None or before >= 0)
    return after > 0 and (before is None or before > 0)


def _moment(ts: str) -> int:
    """Microseconds; a fraction of seconds as a float would round them."""
    seconds, _, fraction = ts.partition(".")
    if not seconds.isdecimal() or not (fraction or "0").isdecimal():
        raise SlackRefusalError("invalid_ts_oldest" if ts else "invalid_ts_latest")
    return int(seconds) * 1_000_000 + int(fraction.ljust(6, "0")[:6])


def _start(messages: Sequence[Message], cursor: str) -> int:
    if not cursor:
        return 0
    for number, message in enumerate(messages):
        if message.ts == cursor:
            return number
    raise SlackRefusalError("invalid_cursor")
