"""`list_observations`: what was noted when, page by page.

Above: the plugin's tools, `agentos observations export`. Below: the table of observations.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field

from agentos import InvalidArgumentError, Queries, ToolCall, tool
from agentos_memory.memory import Memory
from agentos_memory.observations import Observation, ObservationKind
from agentos_memory.tools.observation_results import ObservationResult, Tag, checked_refs

SNIPPET_CHARS = 300
# A hundred bodies of 20,000 characters, escaped.
MAX_RESULT_BYTES = 8 * 1024 * 1024

_sql = Queries("agentos_memory", "sql/observations.sql")


class ListObservationsResult(BaseModel):
    """One page of the timeline."""

    observations: list[ObservationResult]
    truncated: bool
    next_cursor: str | None = Field(description="Continues the list with the same filters.")


@tool(reads=["observations"], max_result_bytes=MAX_RESULT_BYTES, profiles=[])
async def list_observations(
    call: ToolCall,
    since: Annotated[
        AwareDatetime | None, Field(description="Only those recorded at or after this time.")
    ] = None,
    until: Annotated[
        AwareDatetime | None, Field(description="Only those recorded before this time.")
    ] = None,
    work_order: Annotated[str | None, Field(min_length=1, max_length=200)] = None,
    kind: ObservationKind | None = None,
    tags: Annotated[
        list[Tag] | None, Field(max_length=20, description="Only those with all of these tags.")
    ] = None,
    path: Annotated[
        str | None, Field(min_length=1, max_length=1_000, description="Only those about this file.")
    ] = None,
    symbol: Annotated[
        str | None,
        Field(min_length=1, max_length=1_000, description="Only those about this symbol."),
    ] = None,
    commit: Annotated[
        str | None,
        Field(pattern=r"^[0-9a-f]{4,64}$", description="Only those that refer to it, as written."),
    ] = None,
    include_superseded: Annotated[
        bool, Field(description="Those that were replaced, too.")
    ] = False,
    order: Literal["newest", "oldest"] = "newest",
    full: Annotated[
        bool, Field(description=f"Whole bodies, not the first {SNIPPET_CHARS} characters.")
    ] = False,
    limit: Annotated[int, Field(ge=1, le=100, description="Observations to return.")] = 20,
    cursor: Annotated[str | None, Field(max_length=30)] = None,
) -> ListObservationsResult:
    """The timeline of what was noted: by time, work order, kind, file, symbol or commit.

    For reading what happened in order; to find something by what it says, search_observations.
    """
    memory = call.service(Memory)
    about = {"path": path, "symbol": symbol, "commit": commit}
    wanted = {name: value for name, value in about.items() if value is not None}
    rows = await call.kernel.database.fetch(
        _sql.list_newest if order == "newest" else _sql.list_oldest,
        limit + 1,
        _position(cursor),
        since,
        until,
        work_order,
        kind,
        tags or [],
        [wanted] if wanted else None,
        include_superseded,
    )
    page = [Observation(**dict(row)) for row in rows[:limit]]
    refs = await checked_refs(memory, page)
    results = [ObservationResult.of(each, refs[each.id]) for each in page]
    if not full:
        for result in results:
            result.body = _cut(result.body)
    is_cut = len(rows) > limit
    return ListObservationsResult(
        observations=results,
        truncated=is_cut,
        next_cursor=str(page[-1].position) if is_cut else None,
    )


def _position(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal()) or len(cursor) > 18:
        raise InvalidArgumentError(
            "argument `cursor` is not one that list_observations gave",
            remedy="pass `next_cursor` of the page before, or none for the first page",
        )
    return int(cursor)


def _cut(body: str) -> str:
    return body if len(body) <= SNIPPET_CHARS else body[: SNIPPET_CHARS - 3] + "..."
