"""What a server offers now, compared with what was approved.

Above: tools and commands for operators. Below: connections, pins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agentos_gateway.configuration import ServerSettings
from agentos_gateway.definitions import Definition, Kind, difference, find_problem
from agentos_gateway.pins import Pin

State = Literal["approved", "changed", "new", "missing", "unusable", "denied"]
"""`changed`: not what was approved, so that calls are refused until it is approved again;
`missing`: approved, and not there any more; `denied`: by `allow` and `deny` of the settings."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one tool, prompt or resource."""

    kind: Kind
    name: str
    state: State
    reason: str = ""
    live: Definition | None = None
    pin: Pin | None = None

    @property
    def changes(self) -> str:
        """In which lines it differs from what was approved."""
        if self.state != "changed" or self.live is None or self.pin is None:
            return ""
        return difference(self.pin.definition, self.live)


def compare(
    server: str,
    settings: ServerSettings,
    live: Sequence[Definition],
    pins: Mapping[tuple[str, str], Pin],
) -> list[Finding]:
    """One finding for everything that is listed or approved, by kind and name."""
    counts = Counter(each.key for each in live)
    found = {each.key: _judge(server, settings, each, pins, counts) for each in live}
    for key, pin in pins.items():
        if key not in found:
            found[key] = Finding(pin.definition.kind, pin.definition.name, "missing", pin=pin)
    return [found[key] for key in sorted(found)]


def _judge(
    server: str,
    settings: ServerSettings,
    live: Definition,
    pins: Mapping[tuple[str, str], Pin],
    counts: Mapping[tuple[str, str], int],
) -> Finding:
    pin = pins.get(live.key)
    state: State = "new"
    reason = ""
    if counts[live.key] > 1:
        state, reason = "unusable", f"the server lists {counts[live.key]} of that name"
    elif (problem := find_problem(server, live)) is not None:
        state, reason = "unusable", problem
    elif not settings.may_offer(live.name):
        state, reason = "denied", "`allow` and `deny` of the settings leave it out"
    elif pin is not None:
        state = "approved" if pin.definition.digest == live.digest else "changed"
    return Finding(live.kind, live.name, state, reason, live, pin)


def kinds_of(settings: ServerSettings) -> tuple[Kind, ...]:
    """What is taken from a server by its settings."""
    prompts: tuple[Kind, ...] = ("prompt",) if settings.prompts else ()
    resources: tuple[Kind, ...] = ("resource", "template") if settings.resources else ()
    return ("tool", *prompts, *resources)
