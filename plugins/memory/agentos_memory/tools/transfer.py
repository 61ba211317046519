"""`import_observations`: takes in what was noted elsewhere, once.

Above: the plugin's tools, `agentos observations import`. Below: events. Ids are kept, so that what
refers to them still does; where another observation has the id already, a new one is given.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from agentos import (
    InvalidArgumentError,
    NewEvent,
    Queries,
    ToolCall,
    Transaction,
    format_time,
    new_id,
    tool,
)
from agentos_memory.anchors import Anchor
from agentos_memory.observations import (
    NewObservation,
    ObservationKind,
    Outcome,
    find_same_text,
    observation_data,
    require_no_secrets,
)
from agentos_memory.tools.observation_results import Tag

MAX_AT_ONCE = 50
FORMAT = 1

_sql = Queries("agentos_memory", "sql/observations.sql")


class ImportedRef(BaseModel):
    """A reference as it was pinned where it was made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, Field(min_length=1, max_length=1_000)]
    start_line: Annotated[int | None, Field(ge=1, le=10_000_000)] = None
    end_line: Annotated[int | None, Field(ge=1, le=10_000_000)] = None
    commit: Annotated[str | None, Field(pattern=r"^[0-9a-f]{4,64}$")] = None
    repo: Annotated[str | None, Field(max_length=100)] = None
    symbol: Annotated[str | None, Field(max_length=1_000)] = None
    sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None


class Origin(BaseModel):
    """Where an observation was made, if that is not where it was exported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(max_length=40)]
    actor: Annotated[str, Field(max_length=200)]
    created_at: AwareDatetime
    work_order: Annotated[str | None, Field(max_length=200)] = None


class ImportedObservation(BaseModel):
    """One line of an export."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Annotated[int, Field(ge=1, le=FORMAT)] = FORMAT
    id: Annotated[str, Field(pattern=r"^OB-[0-9A-Za-z]{1,36}$")]
    created_at: AwareDatetime
    actor: Annotated[str, Field(max_length=200)]
    work_order: Annotated[str | None, Field(max_length=200)] = None
    kind: ObservationKind
    title: Annotated[str, Field(min_length=1, max_length=200)]
    body: Annotated[str, Field(max_length=20_000)]
    tags: Annotated[tuple[Tag, ...], Field(max_length=20)] = ()
    refs: Annotated[tuple[ImportedRef, ...], Field(max_length=10)] = ()
    supersedes: Annotated[str | None, Field(max_length=40)] = None
    outcome: Outcome | None = None
    origin: Origin | None = None

    def new(self) -> NewObservation:
        """What is noted; InvalidArgumentError, which names it, for a secret."""
        refs = [Anchor(**ref.model_dump()).as_data() for ref in self.refs]
        new = NewObservation(
            self.title, self.body, self.kind, refs, self.tags, self.supersedes, self.outcome
        )
        try:
            require_no_secrets(new)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{self.id}: {error.message}", remedy=error.remedy) from None
        return new

    def made(self) -> dict[str, Any]:
        """Where, when and by whom it was first noted."""
        if self.origin is not None:
            return self.origin.model_dump() | {"created_at": format_time(self.origin.created_at)}
        return {
            "id": self.id,
            "actor": self.actor,
            "created_at": format_time(self.created_at),
            "work_order": self.work_order,
        }


class ImportResult(BaseModel):
    """What was taken in."""

    imported: list[str] = Field(description="Ids that are new here.")
    known: list[str] = Field(description="Ids of the file that were here already; nothing changed.")
    mapped: dict[str, str] = Field(
        description="Ids of the file that something else has here, with the ids given instead."
    )


@tool(writes=["observations", "observation_import"], timeout_s=120, profiles=[])
async def import_observations(
    call: ToolCall,
    observations: Annotated[
        list[ImportedObservation],
        Field(min_length=1, max_length=MAX_AT_ONCE, description="Lines of an export, in order."),
    ],
) -> ImportResult:
    """Take in observations that were exported elsewhere; repeating it changes nothing.

    All or none. What an observation here says already, under whatever id, is known. The event
    says who imported them; who noted them first, and when, is in `origin`.
    Refuses secrets. For admins; `agentos observations import FILE` calls it.
    """
    news = [each.new() for each in observations]
    transaction = await call.begin()
    # Two imports at once would both take what neither has yet.
    await transaction.fetch_row(_sql.lock_text, "import")
    ids = {each.id for each in observations} | {each.made()["id"] for each in observations}
    ids |= {each.supersedes for each in observations if each.supersedes is not None}
    rows = await transaction.fetch(_sql.find_imported, sorted(ids))
    here = {(row["origin_id"] or row["id"], row["digest"]): row["id"] for row in rows}
    mapped = {row["origin_id"]: row["id"] for row in rows if row["origin_id"]}
    taken = {row["id"] for row in rows}
    result = ImportResult(imported=[], known=[], mapped={})
    events = []
    for each, new in zip(observations, news, strict=True):
        origin = each.made()
        if (known := here.get((origin["id"], new.digest))) is not None:
            result.known.append(each.id)
            mapped[each.id] = known
            continue
        if (same := await _same_here(transaction, new, call.work_order)) is not None:
            result.known.append(each.id)
            mapped[each.id] = same
            continue
        id = new_id("OB") if each.id in taken else each.id
        if id != each.id:
            result.mapped[each.id] = id
        mapped[each.id] = id
        taken.add(id)
        here[origin["id"], new.digest] = id
        result.imported.append(id)
        data = observation_data(call, id, new, origin)
        data["supersedes"] = mapped.get(new.supersedes, new.supersedes) if new.supersedes else None
        events.append(
            NewEvent(call.stream, "observation.recorded", call.principal.name, call.now(), data)
        )
    if events:
        await transaction.append(*events)
    return result


async def _same_here(
    transaction: Transaction, new: NewObservation, work_order: str | None
) -> str | None:
    """The current observation of the same scope that says this already, by its id."""
    if new.supersedes is not None:
        return None
    same = await find_same_text(transaction, new, work_order)
    return None if same is None else same.id
