"""The messages of the workspace: posted once, in order, edited and deleted in place.

Above it are the methods `chat.*` and `conversations.*`, and the driver, which hands the same live
objects to tests.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agentos.clock import Clock
from agentos.testing.slack.block_kit.surfaces import texts_of
from agentos.testing.slack.people import APP, BOT
from agentos.testing.slack.refusal import SlackRefusalError


@dataclass
class Message:
    """A message as it is now; `metadata` is None or {event_type, event_payload}."""

    channel: str
    ts: str
    user: str
    text: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] | None = None
    thread_ts: str | None = None
    bot_id: str | None = None
    edited_ts: str | None = None
    visible_to: str | None = None
    n_edits: int = 0
    is_deleted: bool = False

    @property
    def is_reply(self) -> bool:
        """Whether it stands in somebody's thread."""
        return self.thread_ts is not None and self.thread_ts != self.ts

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """What can be clicked or chosen, by action id."""
        return {one["action_id"]: one for _, one in interactive(self.blocks)}

    @property
    def all_text(self) -> str:
        """Everything a person reads, one text a line."""
        return "\n".join([self.text, *texts_of(self.blocks)])

    def snapshot(self) -> Message:
        """The message as somebody saw it now, whatever the app changes later."""
        return deepcopy(self)

    def to_json(self, *, with_metadata: bool = False) -> dict[str, Any]:
        """The message object of the Web API."""
        shape: dict[str, Any] = {"type": "message", "user": self.user, "ts": self.ts}
        shape["text"] = self.text
        if self.blocks:
            shape["blocks"] = self.blocks
        if self.bot_id is not None:
            shape |= {"bot_id": self.bot_id, "app_id": APP}
        if self.thread_ts is not None:
            shape["thread_ts"] = self.thread_ts
        if self.edited_ts is not None:
            shape["edited"] = {"user": self.user, "ts": self.edited_ts}
        if self.metadata is not None:
            # The payload is for who asks for it (slackapi/python-slack-sdk#1501).
            payload = self.metadata if with_metadata else {"event_type": _type_of(self.metadata)}
            shape["metadata"] = payload
        return shape


def interactive(blocks: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """The elements that act, each with the id of its block."""
    found: list[tuple[str, dict[str, Any]]] = []
    for block in blocks:
        parts = [*block.get("elements", ()), block.get("accessory"), block.get("element")]
        for part in parts:
            if isinstance(part, dict) and "action_id" in part:
                found.append((block["block_id"], part))
    return found


def with_ids(blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A copy of the blocks in which each has an id, as Slack fills them in."""
    copy: list[dict[str, Any]] = json.loads(json.dumps(list(blocks)))
    for block in copy:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        acting = [block.get("accessory"), block.get("element")]
        if block["type"] == "actions":
            acting += block["elements"]
        for element in acting:
            if isinstance(element, dict) and element["type"] != "image":
                element.setdefault("action_id", secrets.token_urlsafe(4))
    return copy


class MessageStore:
    """All messages; `ts` rises by at least a microsecond over the whole workspace."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0
        self._messages: dict[tuple[str, str], Message] = {}

    def next_ts(self) -> str:
        """A timestamp that no message has."""
        now = (self._clock.now() - datetime.fromtimestamp(0, UTC)).total_seconds()
        self._last = max(int(now * 1_000_000), self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def add(self, message: Message) -> Message:
        """Keep a message; SlackRefusalError where its thread does not exist."""
        if message.thread_ts is not None:
            root = self.find(message.channel, message.thread_ts)
            if root is None or root.is_reply:
                raise SlackRefusalError("thread_not_found")
            root.thread_ts = root.ts
        self._messages[message.channel, message.ts] = message
        return message

    def find(self, channel: str, ts: str) -> Message | None:
        """A message that everybody sees and nobody deleted."""
        message = self._messages.get((channel, ts))
        hidden = message is None or message.is_deleted or message.visible_to is not None
        return None if hidden else message

    def at(self, channel: str, ts: str) -> Message | None:
        """The message that was posted there, whoever sees it and whatever became of it."""
        return self._messages.get((channel, ts))

    def own(self, channel: str, ts: str, missing: str, foreign: str) -> Message:
        """A message of the app's own; the two errors are those of the method that asks."""
        message = self.find(channel, ts)
        if message is None:
            raise SlackRefusalError(missing)
        if message.bot_id != BOT:
            raise SlackRefusalError(foreign)
        return message

    def visible(self, channel: str, thread_ts: str | None = None) -> list[Message]:
        """A channel's messages, or a thread's with its root, oldest first."""
        return [
            message
            for message in self._messages.values()
            if message.channel == channel
            and message.visible_to is None
            and not message.is_deleted
            and _belongs(message, thread_ts)
        ]

    def ephemeral(self, user: str) -> list[Message]:
        """What only this person sees, oldest first."""
        return [
            message
            for message in self._messages.values()
            if message.visible_to == user and not message.is_deleted
        ]


def _belongs(message: Message, thread_ts: str | None) -> bool:
    if thread_ts is None:
        return not message.is_reply
    return thread_ts in (message.ts, message.thread_ts)


def _type_of(metadata: Mapping[str, Any]) -> object:
    return metadata["event_type"]
