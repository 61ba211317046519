"""What agents noted: recorded as events, kept as a table.

`observation.recorded` is the truth; the table is its projection. Above: the observation tools and
the search. Below: events, and the text that is embedded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from agentos import (
    ConflictError,
    Event,
    EventType,
    InvalidArgumentError,
    NewEvent,
    NotFoundError,
    ProjectionWriter,
    Queries,
    ReadModel,
    ToolCall,
    Transaction,
    new_id,
    redact_text,
    sha256_hex,
)
from agentos_memory.observation_texts import embed_text

ObservationKind: TypeAlias = Literal["decision", "discovery", "fix", "outcome", "question"]
Outcome: TypeAlias = Literal["worked", "dead_end", "refuted"]
Ref: TypeAlias = Mapping[str, Any]

_sql = Queries("agentos_memory", "sql/observations.sql")


@dataclass(frozen=True, slots=True)
class Observation:
    """One note; `superseded_by` names the one that replaced it.

    `origin` of an imported one says where it was made: id, actor, created_at, work_order.
    """

    id: str
    position: int
    created_at: datetime
    actor: str
    work_order: str | None
    kind: ObservationKind
    title: str
    body: str
    tags: Sequence[str]
    refs: Sequence[Ref]
    supersedes: str | None
    superseded_by: str | None
    digest: str
    outcome: Outcome | None = None
    origin: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class NewObservation:
    """What somebody wants to note."""

    title: str
    body: str
    kind: ObservationKind
    refs: Sequence[Ref] = ()
    tags: Sequence[str] = ()
    supersedes: str | None = None
    outcome: Outcome | None = None

    @property
    def text(self) -> str:
        """What its vector is made of."""
        return embed_text(self.title, self.body, self.tags)

    @property
    def digest(self) -> str:
        """Names the text."""
        return sha256_hex(self.text.encode())


def require_no_secrets(new: NewObservation) -> None:
    """InvalidArgumentError where a text seems to hold a token, key or password.

    Notes are read by everybody and for ever; what is redacted elsewhere is refused here, so that
    the author writes the note anew and changes the secret that was about to leak.
    """
    fields = {"title": [new.title], "body": [new.body], "tags": new.tags}
    fields["refs"] = [str(value) for ref in new.refs for value in ref.values()]
    for name, texts in fields.items():
        if any(redact_text(text) != text for text in texts):
            raise InvalidArgumentError(
                f"argument `{name}` seems to hold a secret: a token, key or password",
                remedy="leave it out, or say where it is kept; `[redacted]` may stand for it",
            )


def shares_scope(new: NewObservation, work_order: str | None, other: Observation) -> bool:
    """Whether both are about the same work: one work order, or a repository in common."""
    return work_order == other.work_order or not _repositories(new.refs).isdisjoint(
        _repositories(other.refs)
    )


def _repositories(refs: Sequence[Ref]) -> set[str]:
    return {ref["repo"] for ref in refs if ref.get("repo")}


async def find_same_text(
    transaction: Transaction, new: NewObservation, work_order: str | None
) -> Observation | None:
    """The oldest current observation of the same scope with this very text; keeps others waiting.

    Until the transaction ends nobody else can note the same text, so that of two at once one is
    the duplicate of the other.
    """
    await transaction.fetch_row(_sql.lock_text, new.digest)
    rows = await transaction.fetch(_sql.find_same_text, new.digest)
    known = (Observation(**dict(row)) for row in rows)
    return next((each for each in known if shares_scope(new, work_order, each)), None)


async def record_observation(
    call: ToolCall, transaction: Transaction, new: NewObservation
) -> Event:
    """Append the observation in the call's transaction."""
    if new.supersedes is not None:
        await _require_current(transaction, new.supersedes)
    data = observation_data(call, new_id("OB"), new)
    (event,) = await transaction.append(
        NewEvent(call.stream, "observation.recorded", call.principal.name, call.now(), data)
    )
    return event


def observation_data(
    call: ToolCall, id: str, new: NewObservation, origin: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the event says."""
    fields = asdict(new) | {"tags": list(new.tags), "refs": [dict(ref) for ref in new.refs]}
    data = {"observation": id, "call": call.id, "work_order": call.work_order, **fields}
    return data if origin is None else data | {"origin": dict(origin)}


async def _require_current(transaction: Transaction, observation: str) -> None:
    row = await transaction.fetch_row(_sql.find_observation, observation)
    if row is None:
        raise NotFoundError(
            f"no observation has the id {observation!r}",
            remedy="search_observations lists the ids",
        )
    if row["superseded_by"] is not None:
        raise ConflictError(
            f"{observation} was already superseded by {row['superseded_by']}",
            remedy=f"read it, and supersede {row['superseded_by']} if need be",
        )


async def project_observation(writer: ProjectionWriter, event: Event) -> None:
    """Keep `memory.observation`."""
    data = event.data
    await writer.execute(
        _sql.insert_observation,
        data["observation"],
        event.position,
        event.at,
        event.actor,
        data["work_order"],
        data["kind"],
        data["title"],
        data["body"],
        data["tags"],
        data["refs"],
        data["supersedes"],
        sha256_hex(embed_text(data["title"], data["body"], data["tags"]).encode()),
        data.get("outcome"),
        data.get("origin"),
    )
    if data["supersedes"] is not None:
        await writer.execute(_sql.supersede_observation, data["supersedes"], data["observation"])


def observation_of(event: Event) -> Observation:
    """The observation that an event has just recorded."""
    data = event.data
    return Observation(
        data["observation"], event.position, event.at, event.actor, data["work_order"],
        data["kind"], data["title"], data["body"], data["tags"], data["refs"], data["supersedes"],
        None, sha256_hex(embed_text(data["title"], data["body"], data["tags"]).encode()),
        data.get("outcome"), data.get("origin"),
    )  # fmt: skip


OBSERVATION_RECORDED = EventType(
    "observation.recorded", "An agent noted something worth remembering.", project_observation
)
OBSERVATIONS = ReadModel("memory", ("observation",))
