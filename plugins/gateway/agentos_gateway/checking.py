"""What `agentos doctor` tells of other servers: a line for each that is configured.

Above: the plugin's hook. Below: approvals and conditions in the database; no server is asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from agentos import Clock, Database, Settings, SetupCheck, SystemClock
from agentos_gateway.conditions import Condition, Waiting, read_conditions
from agentos_gateway.configuration import ServerSettings, parse_gateway
from agentos_gateway.pins import Pin, read_pins

SHOWN_NAMES = 5


def check_servers(
    settings: Settings, clock: Clock | None = None
) -> Callable[[Database], Awaitable[Sequence[SetupCheck]]] | None:
    """The check of every configured server; None where there is none."""
    servers = parse_gateway(settings.gateway)
    if not servers:
        return None

    async def check(database: Database) -> Sequence[SetupCheck]:
        pins = await read_pins(database)
        conditions = await read_conditions(database, (clock or SystemClock()).now())
        return [
            _check(name, each, pins, conditions.get(name, Condition()))
            for name, each in sorted(servers.items())
        ]

    return check


def _check(
    name: str,
    settings: ServerSettings,
    pins: Mapping[tuple[str, str, str], Pin],
    condition: Condition,
) -> SetupCheck:
    approved = sorted(what for server, _, what in pins if server == name)
    waiting = condition.waiting or Waiting()
    said = [
        f"{settings.transport}, {settings.origin}",
        _counted(len(approved), approved, "approved"),
    ]
    for state, names in waiting.document().items():
        if names:
            said.append(_counted(len(names), names, f"{state}, waiting for approval"))
    if condition.waiting is None:
        said.append("never asked")
    said.append(f"circuit {condition.breaker}")
    if condition.last_failure:
        said.append(f"last error: {condition.last_failure}")
    remedy = _remedy(name, approved, waiting, condition)
    return SetupCheck(
        f"gateway {name}",
        remedy is None,
        "; ".join(said),
        remedy,
        facts={
            "server": name,
            "transport": settings.transport,
            "origin": settings.origin,
            "approved": approved,
            "waiting": None if condition.waiting is None else waiting.document(),
            "is_connected": condition.is_connected,
            "circuit": condition.breaker,
            "last_error": condition.last_failure,
        },
    )


def _remedy(
    name: str, approved: Sequence[str], waiting: Waiting, condition: Condition
) -> str | None:
    if condition.breaker != "closed":
        return f"`agentos gateway test {name}` says what is wrong; calls try again by themselves"
    if waiting.changed or waiting.missing:
        return (
            f"`agentos gateway status {name}` shows the difference; then "
            f"`agentos gateway approve {name}` or `agentos gateway revoke {name}`"
        )
    if not approved:
        return (
            f"nothing of it is offered: `agentos gateway status {name}`, then "
            f"`agentos gateway approve {name}`"
        )
    return None


def _counted(n_names: int, names: Sequence[str], what: str) -> str:
    if not names:
        return f"none {what}"
    shown = ", ".join(names[:SHOWN_NAMES]) + (", …" if n_names > SHOWN_NAMES else "")
    return f"{n_names} {what} ({shown})"
