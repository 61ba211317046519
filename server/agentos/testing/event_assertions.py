"""Says what the event log must hold, and shows what it holds instead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from agentos.database.queries import Queries
from agentos.events.model import Event
from agentos.kernel import Kernel

MAX_SHOWN = 10

_sql = Queries("agentos.testing", "sql/events.sql")


async def events_of(
    kernel: Kernel, type: str | None = None, *, stream: str | None = None, after: int = 0
) -> list[Event]:
    """The events of a type and a stream after a position, in order; None stands for all."""
    rows = await kernel.database.fetch(_sql.list_events, type, stream, after)
    return [Event(**dict(row)) for row in rows]


async def assert_event(
    kernel: Kernel,
    type: str,
    data: Mapping[str, Any] | None = None,
    *,
    stream: str | None = None,
    actor: str | None = None,
    after: int = 0,
) -> Event:
    """The newest event of `type` whose data holds all of `data`; others of its fields are free.

    AssertionError shows, field by field, how the nearest ones differ.
    """
    found = await events_of(kernel, type, after=after)
    wanted = {"stream": stream, "actor": actor}
    differences = []
    for event in reversed(found):
        said = _differences(event, {k: v for k, v in wanted.items() if v is not None}, data or {})
        if not said:
            return event
        differences.append(f"  at position {event.position}:\n" + "\n".join(said))
    if not found:
        types = sorted({event.type for event in await events_of(kernel, after=after)})
        raise AssertionError(f"no event of type {type!r}; there are: {', '.join(types) or 'none'}")
    shown = "\n".join(differences[:MAX_SHOWN])
    raise AssertionError(f"none of {len(found)} events of type {type!r} fits:\n{shown}")


async def assert_no_event(kernel: Kernel, type: str, *, after: int = 0) -> None:
    """AssertionError where the log holds an event of `type`, with what it says."""
    found = await events_of(kernel, type, after=after)
    shown = "\n".join(f"  {e.position}: {_text(e.data)}" for e in found[:MAX_SHOWN])
    assert not found, f"{len(found)} events of type {type!r}:\n{shown}"


async def wait_for_event(
    kernel: Kernel, type: str, data: Mapping[str, Any] | None = None, *, timeout_s: float = 60.0
) -> Event:
    """The first such event, also one that a reaction appends in a moment.

    AssertionError as from `assert_event` where none comes within `timeout_s`.
    """
    try:
        async with asyncio.timeout(timeout_s):
            async for event in kernel.bus.follow(0):
                if event.type == type and not _differences(event, {}, data or {}):
                    return event
    except TimeoutError:
        pass
    return await assert_event(kernel, type, data)


def _differences(event: Event, fields: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    said = [
        f"    {name}: {_text(getattr(event, name))}, not {_text(value)}"
        for name, value in fields.items()
        if getattr(event, name) != value
    ]
    for name, value in data.items():
        if name not in event.data:
            said.append(f"    data has no {name!r}; it has: {', '.join(event.data) or 'nothing'}")
        elif event.data[name] != value:
            said.append(f"    data.{name}: {_text(event.data[name])}, not {_text(value)}")
    return said


def _text(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False, sort_keys=True)
