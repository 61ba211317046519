"""The app's manifest: what Slack must know of the gatekeeper, with the least scopes.

`agentos bot slack --manifest` prints it; it is pasted into "Create an app from a manifest". Above:
the command. Below: nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from agentos import InvalidArgumentError
from agentos_bots.slack.actions import COMMAND

Mode = Literal["socket", "http"]

SCOPES: Final[Mapping[str, str]] = {
    "chat:write": "post cards, update them, answer in their threads",
    "commands": "/agentos",
    "users:read": "tell whether somebody is a full member, and their time zone",
    "users:read.email": "recognise a person by a confirmed e-mail address",
    "im:write": "send a digest to whoever asked for one",
    "channels:history": "find its own card again after a crash, in public channels",
    "groups:history": "the same in private channels",
    "im:history": "the same for a digest, in its own direct messages",
}
"""Every scope of the bot's token, and what it is for."""
EVENTS_PATH: Final = "/slack/events"


def app_manifest(mode: Mode = "socket", url: str | None = None) -> dict[str, Any]:
    """The manifest; `url` is the bot's public https address, which `http` needs.

    Raises InvalidArgumentError where the mode and the address do not go together.
    """
    request_url = _request_url(mode, url)
    reached = {"request_url": request_url} if request_url else {}
    command = {
        "command": COMMAND,
        "description": "What waits for a decision, and what it costs",
        "usage_hint": "status | review RV-… | cost | queue | link CODE | help",
        "should_escape": False,
        **({"url": request_url} if request_url else {}),
    }
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": "AgentOS Gatekeeper",
            "description": "Decide on the work of coding agents",
            "background_color": "#1f2933",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "agentos", "always_online": True},
            "slash_commands": [command],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**reached, "bot_events": ["app_home_opened"]},
            "interactivity": {"is_enabled": True, **reached},
            "org_deploy_enabled": False,
            "socket_mode_enabled": mode == "socket",
            "token_rotation_enabled": False,
        },
    }


def manifest_text(manifest: Mapping[str, Any], form: Literal["json", "yaml"] = "json") -> str:
    """The manifest as JSON or YAML; Slack takes both."""
    if form == "json":
        return json.dumps(manifest, indent=2, ensure_ascii=False)
    return "\n".join(_yaml(manifest, ""))


def _request_url(mode: Mode, url: str | None) -> str | None:
    if mode == "socket":
        if url is not None:
            raise InvalidArgumentError("Socket Mode needs no address; leave it out or use http")
        return None
    if url is None or not url.startswith("https://"):
        raise InvalidArgumentError("http needs the https address at which Slack reaches the bot")
    return url.rstrip("/") + EVENTS_PATH


def _yaml(value: Mapping[str, Any] | Sequence[Any], indent: str) -> Iterator[str]:
    # JSON's scalars are YAML's; only the nesting is written by indentation.
    items = value.items() if isinstance(value, Mapping) else ((None, item) for item in value)
    for key, item in items:
        lead = f"{indent}- " if key is None else f"{indent}{key}:"
        if isinstance(item, Mapping) and key is None:
            first, *rest = _yaml(item, indent + "  ")
            yield lead + first.lstrip()
            yield from rest
        elif isinstance(item, Mapping | list) and item:
            yield lead
            yield from _yaml(item, indent + "  ")
        else:
            yield f"{lead.rstrip()} {json.dumps(item, ensure_ascii=False)}"
