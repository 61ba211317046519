"""The methods of the Web API that the emulator has, and what each asks of the token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agentos.testing.slack.arguments import Arguments
from agentos.testing.slack.methods import account, chat, conversations, users, views
from agentos.testing.slack.workspace import Workspace

Handler = Callable[[Workspace, Arguments], Mapping[str, Any]]


@dataclass(frozen=True)
class Method:
    """One method; those that only read take a form or a query, never a JSON body."""

    handler: Handler
    scope: str | None = None
    takes_json: bool = True
    needs_app_token: bool = False


METHODS: Mapping[str, Method] = {
    "auth.test": Method(account.test),
    "chat.delete": Method(chat.delete, "chat:write"),
    "chat.getPermalink": Method(chat.get_permalink, takes_json=False),
    "chat.postEphemeral": Method(chat.post_ephemeral, "chat:write"),
    "chat.postMessage": Method(chat.post_message, "chat:write"),
    "chat.update": Method(chat.update, "chat:write"),
    "conversations.history": Method(conversations.history, takes_json=False),
    "conversations.info": Method(conversations.info, takes_json=False),
    "conversations.open": Method(conversations.open_direct, "im:write"),
    "conversations.replies": Method(conversations.replies, takes_json=False),
    "reactions.add": Method(chat.add_reaction, "reactions:write"),
    "users.info": Method(users.info, "users:read", takes_json=False),
    "users.lookupByEmail": Method(users.lookup_by_email, "users:read.email", takes_json=False),
    "views.open": Method(views.open_modal),
    "views.publish": Method(views.publish),
    "views.push": Method(views.push),
    "views.update": Method(views.update),
}
CONNECTIONS_OPEN = "apps.connections.open"
