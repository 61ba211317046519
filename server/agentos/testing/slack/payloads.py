"""The payloads of what people do, in Slack's own shapes."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Mapping
from typing import Any

from agentos.testing.slack.messages import Message
from agentos.testing.slack.people import APP, BOT_USER, TEAM, SlackChannel, SlackUser
from agentos.testing.slack.views import View

_events = itertools.count(1)


def _who(user: SlackUser) -> dict[str, Any]:
    return {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id}


def _interaction(kind: str, user: SlackUser) -> dict[str, Any]:
    return {
        "type": kind,
        "team": {"id": TEAM, "domain": "emulated"},
        "user": _who(user),
        "api_app_id": APP,
        "token": "verification-token",
        "enterprise": None,
        "is_enterprise_install": False,
    }


def message_action(
    user: SlackUser,
    message: Message,
    channel: SlackChannel,
    action: Mapping[str, Any],
    trigger_id: str,
    response_url: str,
) -> dict[str, Any]:
    """Somebody used an element of a message."""
    return {
        **_interaction("block_actions", user),
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": message.visible_to is not None,
        },
        "trigger_id": trigger_id,
        "channel": {"id": channel.id, "name": channel.name},
        "message": message.to_json(with_metadata=True),
        "state": {"values": {}},
        "response_url": response_url,
        "actions": [action],
    }


def view_action(
    user: SlackUser, view: View, action: Mapping[str, Any], trigger_id: str
) -> dict[str, Any]:
    """Somebody used an element of a modal or of the home tab."""
    return {
        **_interaction("block_actions", user),
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": trigger_id,
        "view": view.to_json(),
        "actions": [action],
    }


def view_submission(user: SlackUser, view: View, trigger_id: str) -> dict[str, Any]:
    """Somebody submitted a modal."""
    shape = {"trigger_id": trigger_id, "view": view.to_json(), "response_urls": []}
    return {**_interaction("view_submission", user), **shape}


def view_closed(user: SlackUser, view: View) -> dict[str, Any]:
    """Somebody closed a modal."""
    shape = {"view": view.to_json(), "is_cleared": False}
    return {**_interaction("view_closed", user), **shape}


def slash_command(
    user: SlackUser, channel: SlackChannel, text: str, trigger_id: str, response_url: str
) -> dict[str, Any]:
    """Somebody typed a command."""
    command, _, rest = text.partition(" ")
    return {
        "token": "verification-token",
        "team_id": TEAM,
        "team_domain": "emulated",
        "channel_id": channel.id,
        "channel_name": channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": rest.strip(),
        "api_app_id": APP,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }


def event(shape: Mapping[str, Any]) -> dict[str, Any]:
    """Something that the app subscribed to happened."""
    authorization = {"enterprise_id": None, "team_id": TEAM, "user_id": BOT_USER, "is_bot": True}
    return {
        "token": "verification-token",
        "team_id": TEAM,
        "api_app_id": APP,
        "is_ext_shared_channel": False,
        "event": dict(shape),
        "type": "event_callback",
        "event_id": f"Ev{next(_events):08d}{secrets.token_hex(4)}",
        "event_time": int(time.time()),
        "authorizations": [{**authorization, "is_enterprise_install": False}],
    }
