"""Which channels may say by an e-mail address who their users are: `[governance.link_by_email]`.

Above: linking, the plugin. Below: pydantic. A bot's word that an address was verified is all that such
a link rests on, so each channel is trusted with it by name, and at best for domains whose addresses
nobody else gives out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StrictBool

from agentos_governance.persons.model import Channel

Domain = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$")]
EmailTrust = StrictBool | Annotated[tuple[Domain, ...], Field(max_length=100)]
"""All addresses, none, or those of these domains; their subdomains are domains of their own."""
TrustedChannels = Annotated[dict[Channel, EmailTrust], Field(max_length=50)]

DEFAULT: Mapping[str, EmailTrust] = {"slack": True}
"""Slack tells its bot which addresses are confirmed; no other channel does."""


@dataclass(frozen=True, slots=True)
class EmailLinking:
    """Whose addresses link; a channel that is not named may link nobody by one."""

    channels: Mapping[str, EmailTrust]

    def admits(self, channel: str, email: str) -> bool:
        """Whether `channel` may link somebody by this address."""
        trust = self.channels.get(channel, DEFAULT.get(channel, False))
        if isinstance(trust, bool):
            return trust
        return email.rpartition("@")[2].lower() in trust
