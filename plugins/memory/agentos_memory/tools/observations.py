"""Tools over observations: note what was found out, find what was noted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from agentos import Event, InvalidArgumentError, ToolCall, format_time, tool
from agentos_memory.anchors import Anchor
from agentos_memory.memory import Memory
from agentos_memory.observations import (
    Observation,
    ObservationKind,
    ObservationQuery,
    record_observation,
)
from agentos_memory.shards import SearchMode

SNIPPET_CHARS = 300
MAX_REFS = 10
MAX_CHECKED_REFS = 3

Line = Annotated[int, Field(ge=1, le=10_000_000)]
Tag = Annotated[str, Field(min_length=1, max_length=50)]
ObservationId = Annotated[str, Field(min_length=1, max_length=40)]


class Ref(BaseModel):
    """A place in a repository that the observation is about."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    path: Annotated[
        str, Field(min_length=1, max_length=1_000, description="Relative to the repository root.")
    ]
    start_line: Line | None = None
    end_line: Line | None = None
    commit: Annotated[
        str | None,
        Field(pattern=r"^[0-9a-f]{4,64}$", description="By default the working tree is meant."),
    ] = None
    repo: Annotated[
        str | None,
        Field(max_length=100, description="Needed where several indexed repositories have it."),
    ] = None


class RefResult(BaseModel):
    """A reference as it was recorded."""

    path: str
    start_line: int | None = None
    end_line: int | None = None
    commit: str | None = None
    repo: str | None = None
    sha256: str | None = Field(
        default=None,
        description="Of the lines when they were recorded; null where no indexed repository, or "
        "more than one, has the file.",
    )
    stale: bool | None = Field(
        default=None,
        description="The lines have changed since; null where there is no digest, and beyond "
        f"the first {MAX_CHECKED_REFS} references of a hit.",
    )


class ObservationResult(BaseModel):
    """One observation."""

    id: str
    created_at: str
    actor: str
    work_order: str | None
    kind: ObservationKind
    title: str
    body: str
    tags: list[str]
    refs: list[RefResult]
    supersedes: str | None


class CreateObservationResult(BaseModel):
    """What was stored; secrets are replaced by `[redacted]`."""

    observation: ObservationResult


class ObservationHit(BaseModel):
    """One observation found."""

    id: str
    title: str
    snippet: str
    kind: ObservationKind
    created_at: str
    score: float
    refs: list[RefResult]
    tags: list[str]
    work_order: str | None
    actor: str


class SearchObservationsResult(BaseModel):
    """Hits, best first; superseded observations are left out."""

    hits: list[ObservationHit]
    truncated: bool


@tool(writes=["observations"])
async def create_observation(
    call: ToolCall,
    title: Annotated[
        str, Field(min_length=1, max_length=200, description="The finding in one line.")
    ],
    body: Annotated[
        str, Field(max_length=20_000, description="What was found, how, and what it means.")
    ],
    kind: Annotated[
        ObservationKind,
        Field(description="decision, discovery, fix, outcome, or an open question."),
    ],
    refs: Annotated[
        list[Ref] | None, Field(max_length=MAX_REFS, description="Code that this is about.")
    ] = None,
    tags: Annotated[list[Tag] | None, Field(max_length=20)] = None,
    supersedes: Annotated[
        ObservationId | None, Field(description="The observation that this one replaces.")
    ] = None,
) -> CreateObservationResult:
    """Note something the next worker should know: a decision with its reason, a trap, a fix.

    Write what cannot be read from the code or its history. A reference to an indexed file is
    pinned by digest, so that readers see when it changed. Refuses to replace an observation that
    is already superseded.
    """
    if not title.strip():
        raise InvalidArgumentError("argument `title` is blank", remedy="say what was found")
    memory = call.service(Memory)
    anchors = await memory.anchors.pin(
        [Anchor(**ref.model_dump()) for ref in refs or []], await memory.catalog.repositories()
    )
    event = await record_observation(
        call,
        title=title,
        body=body,
        kind=kind,
        refs=[anchor.as_data() for anchor in anchors],
        tags=list(dict.fromkeys(tags or [])),
        supersedes=supersedes,
    )
    return CreateObservationResult(observation=_recorded(event))


@tool(reads=["observations"])
async def search_observations(
    call: ToolCall,
    query: Annotated[
        str, Field(min_length=1, max_length=1_000, description="What you want to know.")
    ],
    mode: Annotated[
        SearchMode,
        Field(
            description="hybrid unless you want words only (keyword) or meaning only (semantic)."
        ),
    ] = "hybrid",
    kind: ObservationKind | None = None,
    tags: Annotated[
        list[Tag] | None, Field(max_length=20, description="Only those with all of these tags.")
    ] = None,
    since: Annotated[
        AwareDatetime | None, Field(description="Only those recorded at or after this time.")
    ] = None,
    work_order: Annotated[str | None, Field(min_length=1, max_length=200)] = None,
    limit: Annotated[int, Field(ge=1, le=100, description="Hits to return.")] = 10,
) -> SearchObservationsResult:
    """Find what was noted before: decisions, discoveries, fixes, outcomes, open questions.

    Ask before you investigate something; somebody may have. A reference marked `stale` speaks of
    code that has changed since.
    """
    if not query.strip():
        raise InvalidArgumentError("argument `query` is blank", remedy="say what to search for")
    memory = call.service(Memory)
    wanted = ObservationQuery(query, mode, kind, tags or (), since, work_order, limit)
    found, is_cut = await memory.observations.run(wanted)
    anchors = {
        observation.id: [Anchor(**data) for data in observation.refs] for observation, _ in found
    }
    stale = await memory.anchors.staleness(
        (anchor for own in anchors.values() for anchor in own[:MAX_CHECKED_REFS]),
        await memory.catalog.repositories(),
    )
    hits = [_hit(o, score, _checked(anchors[o.id], stale)) for o, score in found]
    return SearchObservationsResult(hits=hits, truncated=is_cut)


def _checked(anchors: list[Anchor], stale: Mapping[Anchor, bool | None]) -> list[RefResult]:
    checked = {position: stale[a] for position, a in enumerate(anchors[:MAX_CHECKED_REFS])}
    return [RefResult(**a.as_data(), stale=checked.get(n)) for n, a in enumerate(anchors)]


def _hit(observation: Observation, score: float, refs: list[RefResult]) -> ObservationHit:
    return ObservationHit(
        id=observation.id,
        title=observation.title,
        snippet=_cut(observation.body),
        kind=observation.kind,
        created_at=format_time(observation.created_at),
        score=score,
        refs=refs,
        tags=list(observation.tags),
        work_order=observation.work_order,
        actor=observation.actor,
    )


def _recorded(event: Event) -> ObservationResult:
    data: dict[str, Any] = dict(event.data)
    return ObservationResult(
        id=data["observation"],
        created_at=format_time(event.at),
        actor=event.actor,
        work_order=data["work_order"],
        kind=data["kind"],
        title=data["title"],
        body=data["body"],
        tags=data["tags"],
        refs=[RefResult(**ref) for ref in data["refs"]],
        supersedes=data["supersedes"],
    )


def _cut(body: str) -> str:
    text = " ".join(body.split())
    return text if len(text) <= SNIPPET_CHARS else text[: SNIPPET_CHARS - 3] + "..."
