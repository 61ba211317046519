"""`chat.*`: posting, changing and deleting messages, with the limits that Slack enforces."""

from __future__ import annotations

import json
from typing import Any

from agentos.testing.slack.arguments import Arguments
from agentos.testing.slack.block_kit.surfaces import (
    MAX_MESSAGE_CHARACTERS,
    check_blocks,
    message_length,
)
from agentos.testing.slack.messages import Message, with_ids
from agentos.testing.slack.people import BOT, BOT_USER
from agentos.testing.slack.refusal import SlackRefusalError
from agentos.testing.slack.workspace import Workspace

MAX_POSTED_TEXT = 40_000
MAX_UPDATED_TEXT = 4_000
# Slack documents that there is a limit, not which; a message's metadata is a few ids here.
MAX_METADATA_BYTES = 8_000


def post_message(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Say something in a channel, a thread or a direct message."""
    channel = workspace.destination(arguments.required("channel", "channel_not_found"))
    message = workspace.messages.add(_composed(workspace, channel.id, arguments))
    shape = message.to_json(with_metadata=True)
    return {"channel": channel.id, "ts": message.ts, "message": shape}


def post_ephemeral(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Say something that one person sees."""
    channel = workspace.destination(arguments.required("channel", "channel_not_found"))
    user = workspace.user(arguments.required("user"))
    message = _composed(workspace, channel.id, arguments)
    message.visible_to, message.metadata = user.id, None
    return {"message_ts": workspace.messages.add(message).ts}


def update(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Change a message of the bot's own; blocks and metadata stay where they are not sent."""
    channel = workspace.channel(arguments.required("channel", "channel_not_found"))
    message = workspace.messages.own(
        channel.id, arguments.required("ts"), "message_not_found", "cant_update_message"
    )
    text = arguments.text("text")
    if len(text) > MAX_UPDATED_TEXT:
        raise SlackRefusalError("msg_too_long")
    blocks = read_blocks(arguments)
    metadata = read_metadata(arguments)
    if not text and blocks is None:
        raise SlackRefusalError("no_text")
    message.text = text
    message.blocks = message.blocks if blocks is None else blocks
    message.metadata = message.metadata if metadata is None else metadata or None
    message.edited_ts = workspace.messages.next_ts()
    message.n_edits += 1
    return {"channel": channel.id, "ts": message.ts, "text": text, "message": message.to_json()}


def delete(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Take back a message of the bot's own."""
    channel = workspace.channel(arguments.required("channel", "channel_not_found"))
    message = workspace.messages.own(
        channel.id, arguments.required("ts"), "message_not_found", "cant_delete_message"
    )
    message.is_deleted = True
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """The address of a message."""
    channel = workspace.channel(arguments.required("channel", "channel_not_found"))
    ts = arguments.required("message_ts", "message_not_found")
    if workspace.messages.find(channel.id, ts) is None:
        raise SlackRefusalError("message_not_found")
    number = ts.replace(".", "")
    link = f"https://emulated.slack.com/archives/{channel.id}/p{number}"
    return {"channel": channel.id, "permalink": link}


def add_reaction(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """React to a message."""
    channel = workspace.channel(arguments.required("channel", "channel_not_found"))
    arguments.required("name", "invalid_name")
    if workspace.messages.find(channel.id, arguments.required("timestamp")) is None:
        raise SlackRefusalError("message_not_found")
    return {}


def _composed(workspace: Workspace, channel: str, arguments: Arguments) -> Message:
    text = arguments.text("text")
    blocks = read_blocks(arguments) or []
    if not text and not blocks and not arguments.structure("attachments"):
        raise SlackRefusalError("no_text")
    if len(text) > MAX_POSTED_TEXT:
        raise SlackRefusalError("msg_too_long")
    return Message(
        channel=channel,
        ts=workspace.messages.next_ts(),
        user=BOT_USER,
        text=text,
        blocks=blocks,
        metadata=read_metadata(arguments) or None,
        thread_ts=arguments.text("thread_ts") or None,
        bot_id=BOT,
    )


def read_blocks(arguments: Arguments) -> list[dict[str, Any]] | None:
    """The blocks of a message, valid and with ids; None where none were sent."""
    blocks = arguments.structure("blocks", "invalid_blocks_format")
    if blocks is None:
        return None
    problems = check_blocks(blocks)
    if problems:
        raise SlackRefusalError("invalid_blocks", problems)
    if message_length(blocks) > MAX_MESSAGE_CHARACTERS:
        raise SlackRefusalError("msg_blocks_too_long")
    return with_ids(blocks)


def read_metadata(arguments: Arguments) -> dict[str, Any] | None:
    """The metadata of a message; None where none was sent, empty to take it away."""
    metadata = arguments.structure("metadata", "invalid_metadata_format")
    if metadata is None or metadata == {}:
        return metadata if metadata is None else {}
    if not isinstance(metadata, dict):
        raise SlackRefusalError("invalid_metadata_format")
    kind, payload = metadata.get("event_type"), metadata.get("event_payload")
    is_known = set(metadata) == {"event_type", "event_payload"}
    if not is_known or not isinstance(kind, str) or not kind or not isinstance(payload, dict):
        raise SlackRefusalError("invalid_metadata_schema")
    if len(json.dumps(metadata)) > MAX_METADATA_BYTES:
        raise SlackRefusalError("metadata_too_large")
    return metadata
