"""`views.*`: modals against a trigger id, and home tabs."""

from __future__ import annotations

from typing import Any

from agentos.testing.slack.arguments import Arguments
from agentos.testing.slack.refusal import SlackRefusalError
from agentos.testing.slack.views import require_valid
from agentos.testing.slack.workspace import Workspace


def open_modal(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Show a modal to who just did something."""
    shape = _modal(arguments)
    trigger = workspace.triggers.exchange(arguments.required("trigger_id"))
    return {"view": workspace.views.open(trigger.user, shape).to_json()}


def push(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Show a modal on top of the one in which somebody just did something."""
    shape = _modal(arguments)
    trigger = workspace.triggers.exchange(arguments.required("trigger_id"))
    return {"view": workspace.views.push(trigger.view_id, trigger.user, shape).to_json()}


def update(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Change an open modal."""
    named = arguments.text("view_id") or None, arguments.text("external_id") or None
    if named == (None, None):
        raise SlackRefusalError("invalid_arguments", ["missing required field: view_id"])
    view = workspace.views.get(*named)
    changed = workspace.views.update(view, _shape(arguments), arguments.text("hash") or None)
    return {"view": changed.to_json()}


def publish(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Set somebody's home tab."""
    user = workspace.user(arguments.required("user_id"))
    expected = arguments.text("hash") or None
    return {"view": workspace.views.publish(user.id, _shape(arguments), expected).to_json()}


def _modal(arguments: Arguments) -> dict[str, Any]:
    """A view that may be shown; one that may not does not use its trigger up."""
    shape = _shape(arguments)
    require_valid(shape, "modal")
    return shape


def _shape(arguments: Arguments) -> dict[str, Any]:
    shape = arguments.structure("view")
    if not isinstance(shape, dict):
        raise SlackRefusalError("invalid_arguments", ["missing required field: view"])
    return shape
