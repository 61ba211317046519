"""The arguments of one Web API call, out of a form, a query or a JSON body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos.testing.slack.refusal import SlackRefusalError

STRUCTURED = frozenset({"blocks", "attachments", "metadata", "view"})


@dataclass(frozen=True)
class Arguments:
    """What was sent, with what a form wraps in JSON unwrapped."""

    values: Mapping[str, Any]

    def text(self, name: str, default: str = "") -> str:
        """A string, whatever it was sent as."""
        value = self.values.get(name)
        return default if value is None else str(value)

    def required(self, name: str, error: str = "invalid_arguments") -> str:
        """A string that must be there."""
        value = self.text(name)
        if not value:
            raise SlackRefusalError(error, [f"missing required field: {name}"])
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean, which a form sends as 1 or true."""
        value = self.values.get(name, default)
        return value is True or str(value).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        """A whole number."""
        text = self.text(name, str(default))
        if not text.isdecimal():
            raise SlackRefusalError("invalid_arguments", [f"{name} must be a number"])
        return int(text)

    def structure(self, name: str, error: str = "invalid_arguments") -> Any:
        """An object or a list; None where it was not sent."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise SlackRefusalError(error, [f"{name} is not JSON"]) from None

    def readable(self) -> dict[str, Any]:
        """The arguments for the log of calls, without the token."""
        values = {name: value for name, value in self.values.items() if name != "token"}
        for name in STRUCTURED & set(values):
            try:
                values[name] = self.structure(name)
            except SlackRefusalError:
                continue
        return values
