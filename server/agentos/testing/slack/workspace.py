"""The state of the emulated workspace: who is there, what was said, what is open.

Without any input or output: `web_api` changes it for the app, `emulator` for people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from agentos.clock import Clock
from agentos.errors import NotFoundError
from agentos.testing.slack.messages import MessageStore
from agentos.testing.slack.people import BOT_USER, SlackChannel, SlackUser
from agentos.testing.slack.refusal import SlackRefusalError
from agentos.testing.slack.triggers import Triggers
from agentos.testing.slack.views import ViewStore


@dataclass(frozen=True)
class Credentials:
    """What the app must present, and what Slack signs with."""

    bot_token: str
    app_token: str
    signing_secret: str


class Workspace:
    """One Slack workspace with one app in it; `scopes` None means all that there are."""

    def __init__(
        self,
        users: Iterable[SlackUser],
        channels: Iterable[SlackChannel],
        scopes: Collection[str] | None,
        clock: Clock,
    ) -> None:
        bot = SlackUser(BOT_USER, "bot", is_bot=True)
        self.users = {user.id: user for user in (*users, bot)}
        self.channels = {channel.id: channel for channel in channels}
        self.scopes = None if scopes is None else frozenset(scopes)
        self.clock = clock
        self.messages = MessageStore(clock)
        self.views = ViewStore()
        self.triggers = Triggers(clock)

    def require_scope(self, scope: str) -> None:
        """SlackRefusalError where the app was not granted it."""
        if self.scopes is not None and scope not in self.scopes:
            provided = ",".join(sorted(self.scopes))
            raise SlackRefusalError("missing_scope", needed=scope, provided=provided)

    def has_scope(self, scope: str) -> bool:
        """Whether the app was granted it."""
        return self.scopes is None or scope in self.scopes

    def user(self, user_id: str, missing: str = "user_not_found") -> SlackUser:
        """A person by id."""
        user = self.users.get(user_id)
        if user is None:
            raise SlackRefusalError(missing)
        return user

    def person(self, user_id: str) -> SlackUser:
        """The person that a test names; NotFoundError where the workspace has nobody of that id."""
        if user_id not in self.users:
            raise NotFoundError(f"no user {user_id}; the emulator knows {', '.join(self.users)}")
        return self.users[user_id]

    def channel(self, channel_id: str) -> SlackChannel:
        """A channel by id, where the app can see it."""
        channel = self.channels.get(channel_id)
        hidden = channel is not None and channel.is_private and not channel.is_bot_member
        if channel is None or hidden:
            raise SlackRefusalError("channel_not_found")
        return channel

    def destination(self, target: str) -> SlackChannel:
        """Where a message goes that is sent to a channel's id or #name, or to a person's id."""
        if target in self.users:
            return self.direct(target)
        named = target.removeprefix("#")
        for channel in self.channels.values():
            if target == channel.id or (channel.im_with is None and named == channel.name):
                return self._writable(self.channel(channel.id))
        raise SlackRefusalError("channel_not_found")

    def direct(self, user_id: str) -> SlackChannel:
        """The direct message of the bot with a person."""
        user = self.user(user_id)
        if user.is_deleted or user.is_bot:
            raise SlackRefusalError("cannot_dm_bot" if user.is_bot else "user_disabled")
        channel = SlackChannel(f"D{user_id}", user.name, im_with=user_id)
        return self.channels.setdefault(channel.id, channel)

    def _writable(self, channel: SlackChannel) -> SlackChannel:
        if channel.is_archived:
            raise SlackRefusalError("is_archived")
        if not channel.is_bot_member and not self.has_scope("chat:write.public"):
            raise SlackRefusalError("not_in_channel")
        return channel
