"""Trigger ids: proof that a person just did something, good once and for three seconds."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from agentos.clock import Clock
from agentos.testing.slack.refusal import SlackRefusalError

LIFETIME = timedelta(seconds=3)


@dataclass
class Trigger:
    """What a person did: who, and in which view, if in one."""

    user: str
    view_id: str | None
    issued_at: datetime
    is_exchanged: bool = False


class Triggers:
    """The trigger ids that were given out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._triggers: dict[str, Trigger] = {}

    def issue(self, user: str, view_id: str | None = None) -> str:
        """A new id for what this person does now."""
        trigger_id = f"{len(self._triggers) + 1}.1.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = Trigger(user, view_id, self._clock.now())
        return trigger_id

    def exchange(self, trigger_id: str) -> Trigger:
        """Whose id it is, once; SlackRefusalError for a second use and after three seconds."""
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise SlackRefusalError("invalid_trigger_id")
        if trigger.is_exchanged:
            raise SlackRefusalError("exchanged_trigger_id")
        if self._clock.now() - trigger.issued_at > LIFETIME:
            raise SlackRefusalError("expired_trigger_id")
        trigger.is_exchanged = True
        return trigger
