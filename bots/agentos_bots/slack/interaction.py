"""One thing that somebody did in Slack: who, where, and the key under which it takes effect once.

Above: listeners. Below: the JSON that Slack sends, signed or through the socket.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentos import InvalidArgumentError
from agentos_bots.slack.people import SlackUser, user_of

_KEY_CHARS = 40


@dataclass(frozen=True, slots=True)
class Interaction:
    """A click, a submitted form, a command, or a look at the App Home."""

    kind: str
    user: SlackUser
    key: str
    """The same for every delivery of the same thing, different for any other."""
    trigger_id: str | None = None
    channel: str | None = None
    message_ts: str | None = None
    response_url: str | None = None
    is_ephemeral: bool = False
    """Whether the message that was clicked is one that only this person sees."""
    view: Mapping[str, Any] | None = None
    """The modal or App Home where it happened: no message can answer there."""

    @property
    def is_in_modal(self) -> bool:
        """Whether it happened in a modal."""
        return self.view is not None and self.view.get("type") == "modal"


def interaction_of(body: Mapping[str, Any]) -> Interaction:
    """What Slack says happened. Raises InvalidArgumentError where it names nobody."""
    user = user_of(body)
    if user is None:
        raise InvalidArgumentError("Slack does not say who did this")
    container = body.get("container") or {}
    message = body.get("message") or {}
    view = body.get("view")
    return Interaction(
        kind=_kind(body),
        user=user,
        key=_key(body, user),
        trigger_id=body.get("trigger_id"),
        channel=_channel(body) or container.get("channel_id"),
        message_ts=message.get("ts") or container.get("message_ts"),
        response_url=body.get("response_url") or None,
        is_ephemeral=container.get("is_ephemeral") is True,
        view=view,
    )


def _kind(body: Mapping[str, Any]) -> str:
    if "command" in body:
        return "command"
    if "event" in body:
        return "event"
    return str(body.get("type") or "interaction")


def _channel(body: Mapping[str, Any]) -> str | None:
    channel = body.get("channel")
    found = channel.get("id") if isinstance(channel, Mapping) else body.get("channel_id")
    return found if isinstance(found, str) else None


def _key(body: Mapping[str, Any], user: SlackUser) -> str:
    """A digest of what tells this interaction from every other one."""
    view = body.get("view") or {}
    actions: Sequence[Mapping[str, Any]] = body.get("actions") or ({},)
    said = {
        "user": user.external_id,
        "type": body.get("type"),
        "command": [body.get("command"), body.get("text")],
        "action": [actions[0].get(name) for name in ("action_id", "action_ts", "value")],
        "event_id": body.get("event_id"),
    }
    if body.get("type") == "view_submission":
        # The same form sent again after an error is the same wish: its text must count once.
        said["view"] = [view.get(name) for name in ("id", "callback_id", "private_metadata")]
        said["values"] = (view.get("state") or {}).get("values")
    else:
        said["trigger"] = body.get("trigger_id")
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return f"slack-{digest[:_KEY_CHARS]}"
