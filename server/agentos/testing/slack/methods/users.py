"""`users.*`: who somebody is, and their e-mail for an app that may read it."""

from __future__ import annotations

from typing import Any

from agentos.testing.slack.arguments import Arguments
from agentos.testing.slack.refusal import SlackRefusalError
from agentos.testing.slack.workspace import Workspace

EMAIL_SCOPE = "users:read.email"


def info(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """A person by id; the e-mail only with its own scope."""
    user = workspace.user(arguments.required("user", "user_not_found"))
    return {"user": user.to_json(with_email=workspace.has_scope(EMAIL_SCOPE))}


def lookup_by_email(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """An active person by e-mail."""
    email = arguments.required("email", "users_not_found").lower()
    for user in workspace.users.values():
        if user.email is not None and user.email.lower() == email and not user.is_deleted:
            return {"user": user.to_json(with_email=True)}
    raise SlackRefusalError("users_not_found")
