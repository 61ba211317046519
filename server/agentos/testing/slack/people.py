"""Who and what is in the workspace: people, channels, and the app that is under test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

TEAM = "T1"
APP = "A1"
BOT = "B1"
BOT_USER = "UBOT"


@dataclass(frozen=True)
class SlackUser:
    """Somebody in Slack; `email` is what `users.info` tells an app that may read it."""

    id: str
    name: str
    email: str | None = None
    is_email_confirmed: bool = True
    is_bot: bool = False
    is_deleted: bool = False
    is_restricted: bool = False
    team_id: str = TEAM
    tz: str = "Etc/UTC"

    def to_json(self, *, with_email: bool) -> dict[str, Any]:
        """The user object of the Web API."""
        profile: dict[str, Any] = {"real_name": self.name, "display_name": self.name}
        if with_email and self.email is not None:
            profile["email"] = self.email
        return {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "real_name": self.name,
            "deleted": self.is_deleted,
            "tz": self.tz,
            "tz_offset": _offset_s(self.tz),
            "is_bot": self.is_bot,
            "is_restricted": self.is_restricted,
            "is_email_confirmed": self.is_email_confirmed,
            "is_stranger": self.team_id != TEAM,
            "profile": profile,
        }


@dataclass(frozen=True)
class SlackChannel:
    """A channel; `im_with` is the person of a direct message with the bot."""

    id: str
    name: str
    is_bot_member: bool = True
    is_private: bool = False
    is_archived: bool = False
    im_with: str | None = None

    @property
    def kind(self) -> str:
        """What scopes call it: `channels`, `groups` or `im`."""
        if self.im_with is not None:
            return "im"
        return "groups" if self.is_private else "channels"

    def to_json(self) -> dict[str, Any]:
        """The channel object of the Web API."""
        kind = self.kind
        shape: dict[str, Any] = {
            "id": self.id,
            "is_channel": kind == "channels",
            "is_group": kind == "groups",
            "is_im": kind == "im",
            "is_private": kind != "channels",
            "is_archived": self.is_archived,
            "is_member": self.is_bot_member,
        }
        return shape | ({"user": self.im_with} if self.im_with else {"name": self.name})


def _offset_s(timezone: str) -> int:
    offset = datetime.now(ZoneInfo(timezone)).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
