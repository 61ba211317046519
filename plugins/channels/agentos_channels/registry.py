"""The channels of this server, each with its bot and its follower.

Above: the plugin, the inbox. Below: the hook `register_review_channels`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from agentos import ConfigurationError, Kernel, ReviewChannel
from agentos_channels.bot import ChannelBot
from agentos_channels.following import Follower

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class RunningChannel:
    """A channel, and who acts for it."""

    channel: ReviewChannel
    bot: ChannelBot
    follower: Follower


class Channels:
    """All channels by name; ConfigurationError where two want one name."""

    def __init__(self, kernel: Kernel) -> None:
        self._running: dict[str, RunningChannel] = {}
        answers = kernel.plugins.hook.register_review_channels(kernel=kernel)
        for channel in (each for answer in answers for each in answer):
            self._add(kernel, channel)

    @property
    def running(self) -> Mapping[str, RunningChannel]:
        """The channels by name."""
        return self._running

    def find(self, name: str) -> RunningChannel | None:
        """The channel of that name, or None."""
        return self._running.get(name)

    def _add(self, kernel: Kernel, channel: ReviewChannel) -> None:
        name = channel.name
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"a review channel is named {name[:60]!r}; names are lower-case letters, digits and -"
            )
        if name in self._running:
            raise ConfigurationError(f"two plugins provide the review channel {name!r}")
        bot = ChannelBot(kernel, name)
        self._running[name] = RunningChannel(channel, bot, Follower(channel, bot))
