"""A Slack user as the server knows them: `T123:U456`, which a person is linked to or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CHANNEL = "slack"
"""The name of this channel in identities, posts and cursors."""


@dataclass(frozen=True, slots=True)
class SlackUser:
    """Who did something in Slack, by what Slack itself says in a signed request."""

    team: str
    id: str

    @property
    def external_id(self) -> str:
        """The identity that persons are linked to."""
        return f"{self.team}:{self.id}"


def user_of(body: Mapping[str, Any]) -> SlackUser | None:
    """Who sent an interaction, a command or an event; None where the body names nobody."""
    said = body.get("user")
    event = body.get("event")
    if isinstance(said, Mapping):
        # Someone of another workspace in a shared channel: their own team, not the channel's.
        team = said.get("team_id") or _team_of(body)
        return _user(team, said.get("id"))
    if isinstance(event, Mapping):
        return _user(event.get("user_team") or _team_of(body), event.get("user"))
    return _user(_team_of(body), body.get("user_id"))


def _team_of(body: Mapping[str, Any]) -> Any:
    team = body.get("team")
    return (team.get("id") if isinstance(team, Mapping) else None) or body.get("team_id")


def _user(team: Any, id: Any) -> SlackUser | None:
    if isinstance(team, str) and isinstance(id, str) and team and id:
        return SlackUser(team, id)
    return None
