"""What is on record of a work order, as steps in the order of the log.

Above: folding, serving, difference, the command line. Below: events.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from agentos import Event, NotFoundError, digest_of, format_time, sha256_hex
from agentos_governance.projections import work_order_stream

HUMAN_DECISIONS = frozenset({"decide", "review_work_order", "decide_review", "unlock_tool"})
MAX_SHOWN_CHARS = 200
_WRITTEN_BY_CALLS = frozenset({"call.allowed", "call.finished", "call.refused", "call.replayed"})


class StepKind(StrEnum):
    """What a step is."""

    EVENT = "event"
    """Something happened to the work order."""
    CALL = "call"
    """A tool call: its admission, its outcome, or its refusal."""
    DECISION = "decision"
    """A person or a reviewer decided; shown as recorded, never made again."""


@dataclass(frozen=True, slots=True)
class Step:
    """One event of the recording."""

    event: Event
    kind: StepKind
    summary: str

    def document(self) -> dict[str, Any]:
        """The step as JSON."""
        event = self.event
        return {
            "position": event.position,
            "stream": event.stream,
            "seq": event.seq,
            "at": format_time(event.at),
            "type": event.type,
            "actor": event.actor,
            "kind": self.kind.value,
            "summary": self.summary,
        }


@dataclass(slots=True)
class RecordedCall:
    """One call as it was recorded, from its admission to its outcome."""

    call: str
    tool: str
    actor: str
    role: str | None
    at: str
    arguments: dict[str, Any] | None
    """As sent; None where they were too large to be recorded."""
    arguments_sha256: str | None
    outcome: str = "unfinished"
    """`ok`, `error`, `refused`, `replayed`, or `unfinished` for a call that was killed."""
    result_sha256: str | None = None
    error: dict[str, Any] | None = None
    rules: list[str] = field(default_factory=list)

    @property
    def is_decision(self) -> bool:
        """Whether somebody's judgement went in, which no replay may make up."""
        return self.tool in HUMAN_DECISIONS

    @property
    def fits_digest(self) -> bool | None:
        """Whether the recorded arguments are those of the digest; None where one cannot tell."""
        if self.arguments is None or self.arguments_sha256 is None:
            return None
        if digest_of(self.arguments) == self.arguments_sha256:
            return True
        return None if "[redacted]" in repr(self.arguments) else False


def steps_of(events: Iterable[Event]) -> list[Step]:
    """The events as steps."""
    return [Step(event, _kind(event), _summary(event)) for event in events]


def calls_of(events: Iterable[Event]) -> list[RecordedCall]:
    """The calls among the events, in the order in which they were admitted or refused."""
    calls: dict[str, RecordedCall] = {}
    for event in events:
        if event.type not in _WRITTEN_BY_CALLS:
            continue
        data = event.data
        call = calls.setdefault(str(data["call"]), _begun(event))
        if event.type == "call.allowed":
            call.rules = [str(rule["rule"]) for rule in data.get("rules", ())]
        elif event.type == "call.finished":
            call.outcome = str(data["outcome"])
            call.result_sha256 = data.get("result_sha256")
            call.error = data.get("error")
        elif event.type == "call.refused":
            call.outcome, call.error = "refused", data.get("error")
        else:
            call.outcome = "replayed"
    return list(calls.values())


def until_step(events: list[Event], work_order: str, until: str) -> list[Event]:
    """The events up to a sequence number of the work order's stream, or up to a time (inclusive).

    NotFoundError for a number that the stream does not have.
    """
    if not until.isdigit():
        at = _time_text(until)
        return [event for event in events if format_time(event.at) <= at]
    stream, seq = work_order_stream(work_order), int(until)
    for index, event in enumerate(events):
        if (event.stream, event.seq) == (stream, seq):
            return events[: index + 1]
    raise NotFoundError(f"{work_order} has no event {seq}", remedy="leave --until out to see all")


def _time_text(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise NotFoundError(
            f"{text[:80]!r} is neither a sequence number nor a time such as 2026-03-01T09:30:00Z"
        ) from None
    return format_time(at if at.tzinfo is not None else at.replace(tzinfo=UTC))


def _begun(event: Event) -> RecordedCall:
    data = event.data
    return RecordedCall(
        call=str(data["call"]),
        tool=str(data["tool"]),
        actor=event.actor,
        role=data.get("role"),
        at=format_time(event.at),
        arguments=data.get("arguments"),
        arguments_sha256=data.get("arguments_sha256"),
    )


def _kind(event: Event) -> StepKind:
    if event.type in ("work_order.reviewed", "approval.decided"):
        return StepKind.DECISION
    if event.type in _WRITTEN_BY_CALLS:
        is_decision = event.data.get("tool") in HUMAN_DECISIONS
        return StepKind.DECISION if is_decision else StepKind.CALL
    return StepKind.EVENT


def _summary(event: Event) -> str:
    data = event.data
    said = {
        "call.allowed": lambda: f"{data['tool']} admitted",
        "call.refused": lambda: f"{data['tool']} refused: {_error(data)}",
        "call.finished": lambda: f"{data['tool']} {_outcome(data)}",
        "call.replayed": lambda: f"{data['tool']} answered with the first result",
        "work_order.reviewed": lambda: (
            f"{data['verdict']} by {data['reviewer']} (as recorded): {data['reason']}"
        ),
        "work_order.claimed": lambda: f"claimed by {data['worker']}, epoch {data['epoch']}",
        "evidence.recorded": lambda: f"{data['kind']}: {data['claim']}",
        "usage.recorded": lambda: f"{data['action']}, {data['usd']} USD",
        "action.judged": lambda: f"{data['verdict']} by rule {data['rule']}",
    }.get(event.type)
    text = said() if said is not None else str(data.get("reason") or data.get("title") or "")
    text = " ".join(text.split())
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 3] + "..."


def _outcome(data: Any) -> str:
    if data["outcome"] == "error":
        return f"failed: {_error(data)}"
    return f"done in {data.get('duration_ms', 0)} ms"


def _error(data: Any) -> str:
    error = data.get("error") or {}
    return f"{error.get('code', 'unknown')}: {error.get('message', '')}"


def recording_digest(events: Iterable[Event]) -> str:
    """One digest over the whole recording: over the hashes of its events, in order."""
    return sha256_hex("\n".join(event.hash for event in events).encode())
