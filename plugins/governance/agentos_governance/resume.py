"""Resume packets: all that the next worker needs, from the events of a work order alone.

Above: claim_work_order, stand_down, get_resume_packet. Below: canonical JSON, `events`.
The packet is a pure function of the events given: no clock, no locale, no database. The same
events give the same bytes, in any process, so its SHA-256 can be checked by anyone.

    {"format": 1, "work_order": {...}, "contract": {...}, "contract_version", "state",
     "contract_versions": [...],  every version: number, digest, by whom, when, why
     "attempts": [...],  one a claim: worker, epoch, workspace, branch, base commit, how it ended
     "evidence": [...], "tool_uses": [...],  evidence of kind tool_use, given by hooks
     "evidence_missing": [kinds], "submissions": [...], "reviews": [...],
     "findings": [...],  of the last failed gates and reviews since the last submission
     "approvals": [...],  calls that wait for a person, and approvals not used yet
     "decisions": [...],  what workers asked persons to decide, with what came of it
     "questions": [...],  what reviewers asked; those without an answer wait for one
     "cost": {...}, "steps": [...], "refusals": [...], "observations": [...],
     "counts": {list: how many there are in all}, since every list holds its newest entries only,
     "events": {"count", "unknown", "head": {"seq", "type", "at", "hash"}}}

Steps and refusals come from call records where the caller passes them: `steps` are finished
calls with the digests of arguments and result, so that recorded work is not repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from agentos import InvalidArgumentError, canonical_json, format_time, sha256_hex
from agentos_governance.bounds import newest_within
from agentos_governance.contracts.model import usd_text
from agentos_governance.evidence.kinds import PASSING, TOOL_USE
from agentos_governance.resume_conversation import Conversation, picked

FORMAT = 1
MAX_PHASES = 50

# How many of the newest entries a packet holds, and in how many bytes.
_LIMITS = {
    "contract_versions": (20, 32 * 1024),
    "approvals": (50, 128 * 1024),
    "attempts": (50, 128 * 1024),
    "evidence": (100, 256 * 1024),
    "tool_uses": (20, 16 * 1024),
    "submissions": (10, 128 * 1024),
    "reviews": (50, 256 * 1024),
    "findings": (100, 128 * 1024),
    "steps": (200, 128 * 1024),
    "refusals": (50, 64 * 1024),
    "observations": (100, 128 * 1024),
    "decisions": (50, 128 * 1024),
    "questions": (50, 128 * 1024),
}

Data = Mapping[str, Any]


@dataclass(slots=True)
class _Replay:
    """What the events so far say."""

    work_order: dict[str, Any] = field(default_factory=dict)
    contract: dict[str, Any] = field(default_factory=dict)
    contract_version: str | None = None
    contract_versions: list[dict[str, Any]] = field(default_factory=list)
    open_approvals: dict[str, dict[str, Any]] = field(default_factory=dict)
    state: str = "unknown"
    attempts: list[dict[str, Any]] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    evidence_seqs: list[int] = field(default_factory=list)
    """Where each piece of evidence stands in the stream."""
    submissions: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    tool_uses: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Data] = field(default_factory=dict)
    admitted: dict[str, Data] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    observations: list[dict[str, Any]] = field(default_factory=list)
    conversation: Conversation = field(default_factory=Conversation)
    unknown: int = 0

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """Requests to persons with their outcomes, oldest first."""
        return list(self.conversation.decisions.values())

    @property
    def questions(self) -> list[dict[str, Any]]:
        """Questions of reviewers with their answers, oldest first."""
        return list(self.conversation.questions.values())

    @property
    def approvals(self) -> list[dict[str, Any]]:
        """What is neither decided against nor used nor over, oldest first."""
        return list(self.open_approvals.values())


def build_resume_packet(events: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The packet as canonical JSON text, and the SHA-256 of that text.

    `events` are one work order's, in order: `seq, type, actor, at, data, hash`. Types that are
    not known are counted and change nothing else. Raises InvalidArgumentError for no events and
    for events out of order.
    """
    _check_order(events)
    replay = _Replay()
    for event in events:
        apply = _APPLY.get(event["type"])
        if apply is None:
            replay.unknown += 1
        else:
            apply(replay, event["data"], event)
    text = canonical_json(_document(replay, events))
    return text.decode("utf-8"), sha256_hex(text)


def _check_order(events: Sequence[Mapping[str, Any]]) -> None:
    if not events:
        raise InvalidArgumentError("a resume packet needs the work order's events; there are none")
    sequence = [event["seq"] for event in events]
    if any(later <= earlier for earlier, later in pairwise(sequence)):
        raise InvalidArgumentError("the events of a resume packet must be in order of seq")


def _document(replay: _Replay, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    head = events[-1]
    recorded = {entry["kind"] for entry in replay.evidence}
    return {
        "format": FORMAT,
        "work_order": replay.work_order,
        "contract": replay.contract,
        "contract_version": replay.contract_version,
        "state": replay.state,
        "attempts": replay.attempts,
        "evidence": replay.evidence,
        "evidence_missing": [
            kind
            for kind in replay.contract.get("evidence_required", [])
            if kind not in recorded and kind.removesuffix(PASSING) not in recorded
        ],
        "cost": _cost(replay),
        **{name: newest_within(getattr(replay, name), *_LIMITS[name]) for name in _LIMITS},
        "counts": {name: len(getattr(replay, name)) for name in _LIMITS},
        "events": {
            "count": len(events),
            "unknown": replay.unknown,
            "head": {
                "seq": head["seq"],
                "type": head["type"],
                "at": _time_text(head["at"]),
                "hash": head["hash"],
            },
        },
    }


def _cost(replay: _Replay) -> dict[str, Any]:
    """Sums over usage; a request reported twice counts once, as in the ledger."""
    entries = list(replay.usage.values())
    spent = sum((Decimal(entry["usd"]) for entry in entries), Decimal(0))
    budget = Decimal(replay.contract.get("cost_budget_usd", "0"))
    by_phase: dict[str, Decimal] = {}
    for entry in entries:
        phase = str(entry.get("phase"))
        by_phase[phase] = by_phase.get(phase, Decimal(0)) + Decimal(entry["usd"])
    dearest = sorted(by_phase, key=lambda phase: (-by_phase[phase], phase))
    tokens = {
        name: sum(entry.get(name) or 0 for entry in entries)
        for name in ("input_tokens", "output_tokens", "cached_input_tokens")
    }
    return {
        "spent_usd": usd_text(spent),
        "budget_usd": usd_text(budget),
        "remaining_usd": usd_text(max(budget - spent, Decimal(0))),
        "by_phase_usd": {phase: usd_text(by_phase[phase]) for phase in dearest[:MAX_PHASES]},
        "phases": len(by_phase),
        "requests": len(entries),
        **tokens,
    }


def _time_text(at: object) -> str:
    return format_time(at) if isinstance(at, datetime) else str(at)


def _created(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    replay.work_order = picked(
        data, "work_order", "title", "objective", "phase", "role", "parent", "priority", "repo"
    )
    replay.work_order["depends_on"] = list(data.get("depends_on") or [])
    replay.work_order["created_by"] = event["actor"]
    replay.work_order["created_at"] = _time_text(event["at"])
    replay.contract = dict(data["contract"])
    replay.contract_version = data.get("contract_version")
    replay.state = data.get("state") or ("blocked" if data.get("depends_on") else "ready")
    _new_version(replay, data, event)


def _amended(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    replay.contract = dict(data["contract"])
    replay.contract_version = data.get("contract_version")
    _new_version(replay, data, event)


def _new_version(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    version = picked(data, "contract_version", "reason")
    number = len(replay.contract_versions) + 1
    by = {"by": event["actor"], "at": _time_text(event["at"])}
    replay.contract_versions.append({"number": number, **version, **by})


def _base_chosen(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    replay.work_order["base_commit"] = data["base_commit"]


def _ready(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    replay.state = "ready"


def _claimed(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    replay.state = "active"
    attempt = picked(data, "worker", "epoch", "workspace", "branch", "base_commit")
    replay.attempts.append({**attempt, "ended": None, "reason": None})


def _ended(state: str, ended: str) -> _Apply:
    def apply(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
        replay.state = state
        if replay.attempts and replay.attempts[-1]["ended"] is None:
            replay.attempts[-1].update(ended=ended, reason=data.get("reason"))

    return apply


def _gates_failed(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    replay.findings = _gate_findings(data) + _blocking_findings(data)


def _submitted(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    gates = [gate["name"] for gate in data.get("gates") or [] if gate.get("passed")]
    replay.submissions.append({**picked(data, "summary", "packet_sha256"), "gates_passed": gates})
    replay.findings = _gate_findings(data)
    if not replay.findings:
        _ended("in_review", "submitted")(replay, data, event)


def _gate_findings(data: Data) -> list[str]:
    return [
        f"{gate['name']}: {finding}"
        for gate in data.get("gates") or []
        if not gate.get("passed")
        for finding in gate.get("findings") or ["not passed"]
    ]


def _blocking_findings(data: Data) -> list[str]:
    found = (data.get("adversarial") or {}).get("findings") or []
    return [
        f"{finding.get('check')}: {finding.get('message')}"
        for finding in found
        if finding.get("severity") == "blocking"
    ]


def _reviewed(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    review = picked(data, "reviewer", "verdict", "reason", "packet_sha256")
    findings = list(data.get("findings") or [])
    shown = newest_within(findings, *_LIMITS["findings"])
    replay.reviews.append({**review, "findings": shown})
    replay.findings += findings


def _review_expired(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    replay.state = "suspended"
    replay.findings.append(f"review: {data.get('reason')}")


def _evidence(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    names = ("evidence", "kind", "claim", "path", "lines", "sha256", "level", "worker")
    entry = {**picked(data, *names), "event_hash": event["hash"]}
    # A hook records each use of a tool: together they would hide what was recorded on purpose.
    if entry["kind"] == TOOL_USE:
        replay.tool_uses.append(entry)
        return
    replay.evidence.append(entry)
    replay.evidence_seqs.append(event["seq"])


def _evidence_reviewed(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    before = data.get("before_seq", event["seq"])
    for entry, seq in zip(replay.evidence, replay.evidence_seqs, strict=True):
        if entry["level"] == "reported" and seq < before:
            entry["level"] = "reviewed"


def _approval_requested(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    names = ("review_id", "worker", "tool", "arguments_sha256", "rule", "reason", "expires_at")
    replay.open_approvals[str(data["review_id"])] = {**picked(data, *names), "state": "pending"}


def _approval_approved(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    waiting = replay.open_approvals.get(str(data["review_id"]))
    if waiting is not None:
        waiting.update(state="approved", expires_at=data.get("expires_at"))


def _approval_over(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    replay.open_approvals.pop(str(data["review_id"]), None)


def _conversation(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    replay.conversation.apply(data, event)


def _usage(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    replay.usage.setdefault(str(data["request_id"]), data)


def _observation(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    replay.observations.append(picked(data, "observation", "title", "kind", "supersedes"))


def _call_allowed(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    replay.admitted[str(data.get("call"))] = data


def _call_finished(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    admitted = replay.admitted.pop(str(data.get("call")), {})
    step = picked(data, "tool", "outcome", "result_sha256")
    step["arguments_sha256"] = admitted.get("arguments_sha256", data.get("arguments_sha256"))
    replay.steps.append(step)


def _call_refused(replay: _Replay, data: Data, event: Mapping[str, Any]) -> None:
    error = data.get("error") or {}
    refusal = {
        "tool": data.get("tool"),
        "rule": error.get("rule", data.get("rule")),
        "message": error.get("message"),
    }
    if refusal not in replay.refusals:
        replay.refusals.append(refusal)


_Apply = Callable[[_Replay, Data, Mapping[str, Any]], None]

_APPLY: Mapping[str, _Apply] = {
    "work_order.created": _created,
    "contract.amended": _amended,
    "work_order.ready": _ready,
    "work_order.base_chosen": _base_chosen,
    "work_order.claimed": _claimed,
    "work_order.lease_expired": _ended("suspended", "lease_expired"),
    "work_order.stood_down": _ended("suspended", "stood_down"),
    "work_order.taken_over": _ended("suspended", "taken_over"),
    "work_order.gates_failed": _gates_failed,
    "work_order.submitted": _submitted,
    "work_order.reviewed": _reviewed,
    "work_order.changes_requested": _ended("suspended", "changes_requested"),
    "work_order.review_expired": _review_expired,
    "work_order.completed": _ended("completed", "completed"),
    "work_order.rejected": _ended("failed", "rejected"),
    "work_order.failed": _ended("failed", "failed"),
    "work_order.cancelled": _ended("cancelled", "cancelled"),
    "evidence.recorded": _evidence,
    "evidence.reviewed": _evidence_reviewed,
    "approval.requested": _approval_requested,
    "approval.approved": _approval_approved,
    "approval.rejected": _approval_over,
    "approval.used": _approval_over,
    "approval.expired": _approval_over,
    "approval.cancelled": _approval_over,
    **dict.fromkeys(Conversation.EVENTS, _conversation),
    "usage.recorded": _usage,
    "observation.recorded": _observation,
    "call.allowed": _call_allowed,
    "call.refused": _call_refused,
    "call.finished": _call_finished,
}
