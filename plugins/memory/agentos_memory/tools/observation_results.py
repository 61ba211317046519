"""What tools say of an observation, and of the places that it speaks of.

Above: the tools that note, search, list and move observations. Below: observations, anchors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agentos_memory.anchors import UNKNOWN, Anchor, AnchorState
from agentos_memory.memory import Memory
from agentos_memory.observations import Observation, ObservationKind, Outcome
from agentos_memory.tools.wire import WireModel

MAX_CHECKED_REFS = 3

Line = Annotated[int, Field(ge=1, le=10_000_000)]
Tag = Annotated[str, Field(min_length=1, max_length=50)]
ObservationId = Annotated[str, Field(min_length=1, max_length=40)]


class Ref(BaseModel):
    """A place in the code."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    path: Annotated[
        str, Field(min_length=1, max_length=1_000, description="From the repository root.")
    ]
    start_line: Line | None = None
    end_line: Line | None = None
    commit: Annotated[
        str | None,
        Field(pattern=r"^[0-9a-f]{4,64}$"),
    ] = None
    repo: Annotated[
        str | None,
        Field(max_length=100),
    ] = None
    symbol: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=1_000,
            description="In place of lines.",
        ),
    ] = None


class FoundAt(WireModel):
    """Where the place is now."""

    path: str
    start_line: int | None = None
    end_line: int | None = None


class RefResult(BaseModel):
    """A reference as it was recorded."""

    path: str
    start_line: int | None = None
    end_line: int | None = None
    commit: str | None = None
    repo: str | None = None
    symbol: str | None = Field(default=None, description="The innermost one around the lines.")
    sha256: str | None = Field(
        default=None,
        description="Of the lines when they were recorded; null where no indexed repository, or "
        "more than one, has the file.",
    )
    stale: bool | None = Field(
        default=None,
        description="What it says has changed since, or is gone; null where there is no digest, "
        f"and beyond the first {MAX_CHECKED_REFS} references of a hit.",
    )
    why: str | None = Field(default=None, description="What has become of the place.")
    found_at: FoundAt | None = Field(
        default=None, description="Where it is now, where that is not as recorded."
    )

    @classmethod
    def of(cls, anchor: Anchor, state: AnchorState = UNKNOWN) -> RefResult:
        """The wire form."""
        found_at = None
        if state.path is not None:
            found_at = FoundAt.taken_from(state)
        return cls(**anchor.as_data(), stale=state.is_stale, why=state.why, found_at=found_at)


class ObservationResult(WireModel):
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
    superseded_by: str | None = None
    outcome: Outcome | None = None
    origin: dict[str, Any] | None = Field(
        default=None, description="Of an imported one: where, when and by whom it was made."
    )

    @classmethod
    def of(
        cls, observation: Observation, refs: Sequence[RefResult] | None = None
    ) -> ObservationResult:
        """The wire form."""
        shown = refs or [RefResult.of(Anchor(**data)) for data in observation.refs]
        return cls.taken_from(observation, refs=list(shown))


async def checked_refs(
    memory: Memory, observations: Iterable[Observation]
) -> dict[str, list[RefResult]]:
    """The references of each observation, by its id, the first few compared with the code now."""
    anchors = {each.id: [Anchor(**data) for data in each.refs] for each in observations}
    states = await memory.anchors.states(
        (anchor for own in anchors.values() for anchor in own[:MAX_CHECKED_REFS]),
        await memory.catalog.repositories(),
        memory.catalog.renames,
    )
    return {
        id: [
            RefResult.of(anchor, states[anchor] if n < MAX_CHECKED_REFS else UNKNOWN)
            for n, anchor in enumerate(own)
        ]
        for id, own in anchors.items()
    }


def is_stale(refs: Iterable[RefResult]) -> bool:
    """Whether something that the observation speaks of has changed."""
    return any(ref.stale for ref in refs)
