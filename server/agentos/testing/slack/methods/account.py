"""`auth.test`: whose token it is."""

from __future__ import annotations

from typing import Any

from agentos.testing.slack.arguments import Arguments
from agentos.testing.slack.people import BOT, BOT_USER, TEAM
from agentos.testing.slack.workspace import Workspace


def test(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """The bot and its workspace."""
    return {
        "url": "https://emulated.slack.com/",
        "team": "emulated",
        "team_id": TEAM,
        "user": workspace.users[BOT_USER].name,
        "user_id": BOT_USER,
        "bot_id": BOT,
        "is_enterprise_install": False,
    }
