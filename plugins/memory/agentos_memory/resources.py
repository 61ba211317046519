"""Observations as resources: one by its id, with its references compared with the code as it is.

Above: clients read and subscribe. Below: what list_observations answers, by which a read is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentos import (
    Completions,
    Contents,
    Event,
    Link,
    Links,
    NotFoundError,
    Queries,
    ToolCall,
    resource,
)
from agentos_memory.memory import Memory
from agentos_memory.observations import OBSERVATION_RECORDED, Observation
from agentos_memory.tools.observation_results import ObservationResult, checked_refs

BASE = "agentos://observations/"
JSON = "application/json"
MAX_LISTED = 50
MAX_COMPLETIONS = 100

_sql = Queries("agentos_memory", "sql/observations.sql")


def changed_observations(event: Event) -> Iterable[str]:
    """The URI of what was noted, and of what it replaces, whose `superseded_by` it changes."""
    if event.type == OBSERVATION_RECORDED.name:
        yield BASE + event.data["observation"]
        if event.data["supersedes"] is not None:
            yield BASE + event.data["supersedes"]


async def complete_id(call: ToolCall, typed: str, chosen: Mapping[str, str]) -> Completions:
    """Ids of observations, the newest first."""
    rows = await call.kernel.database.fetch(
        _sql.complete_observations, typed[:40], MAX_COMPLETIONS + 1
    )
    shown = tuple(row["id"] for row in rows[:MAX_COMPLETIONS])
    return Completions(values=shown, has_more=len(rows) > len(shown))


async def list_current(call: ToolCall) -> Links:
    """The newest observations that nobody replaced."""
    rows = await call.kernel.database.fetch(_sql.list_shown_observations, MAX_LISTED)
    return Links(
        links=tuple(
            Link(
                uri=BASE + row["id"],
                name=row["id"],
                description=f"{row['kind']}: {row['title']}",
                mime_type=JSON,
            )
            for row in rows
        )
    )


@resource(
    BASE + "{id}",
    title="Observation",
    mime_type=JSON,
    reads=["observations"],
    changed_by=changed_observations,
    completions={"id": complete_id},
    listing=list_current,
    reads_like="list_observations",
)
async def observation(call: ToolCall, id: str) -> Contents:
    """One note of earlier work, whole, with what has become of the code that it speaks of."""
    row = await call.kernel.database.fetch_row(_sql.read_observation, id)
    if row is None:
        raise NotFoundError(
            f"no observation has the id {id[:40]!r}", remedy="search_observations lists the ids"
        )
    found = Observation(**dict(row))
    refs = await checked_refs(call.service(Memory), [found])
    return Contents(text=ObservationResult.of(found, refs[found.id]).model_dump_json())
