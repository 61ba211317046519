"""The data of governance events, in one place: what is written, and what replay may rely on.

Above: tools (write them), projections and resume packets (read them). Below: nothing. Amounts are
decimal strings in USD; ids and digests are text. Readers accept further fields.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class WorkOrderCreated(TypedDict):
    """`work_order.created`"""

    work_order: str
    title: str
    objective: str
    contract: dict[str, Any]
    contract_version: str
    phase: str | None
    role: str | None
    depends_on: list[str]
    parent: str | None
    priority: int
    repo: str | None
    state: NotRequired[str]


class WorkOrderEvent(TypedDict):
    """`work_order.ready`, `work_order.lease_expired`, `work_order.completed`"""

    work_order: str
    reason: NotRequired[str | None]


class WorkOrderClaimed(TypedDict):
    """`work_order.claimed`: a worker holds the lease of this epoch."""

    work_order: str
    worker: str
    epoch: int
    lease_ttl_s: int
    workspace: str | None
    base_commit: str | None
    branch: str | None
    person: NotRequired[str | None]


class WorkOrderBaseChosen(TypedDict):
    """`work_order.base_chosen`: by the server, before anybody has held the work order."""

    work_order: str
    base_commit: str


class WorkOrderTakenOver(TypedDict):
    """`work_order.taken_over`: the lease of `epoch` was ended for its worker."""

    work_order: str
    worker: str
    epoch: int
    reason: str


class WorkOrderEnded(TypedDict):
    """`work_order.stood_down`, `.changes_requested`, `.rejected`, `.failed`, `.cancelled`"""

    work_order: str
    reason: str | None


class GateResult(TypedDict):
    """One gate of a submission."""

    name: str
    passed: bool
    findings: list[str]


class WorkOrderSubmitted(TypedDict):
    """`work_order.submitted`, and `work_order.gates_failed` without a packet."""

    work_order: str
    summary: str
    gates: list[GateResult]
    packet_sha256: str | None


class WorkOrderReviewed(TypedDict):
    """`work_order.reviewed`: one vote on one packet."""

    work_order: str
    reviewer: str
    verdict: str
    reason: str
    findings: list[str]
    packet_sha256: str


class LineRange(TypedDict):
    """1-based and inclusive."""

    start: int
    end: int


class EvidenceRecorded(TypedDict):
    """`evidence.recorded`"""

    evidence: str
    work_order: NotRequired[str]
    kind: str
    claim: str
    path: str | None
    lines: LineRange | None
    sha256: str
    level: str
    worker: str


class UsageRecorded(TypedDict):
    """`usage.recorded`"""

    request_id: str
    phase: str
    role: str
    model: str
    action: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    usd: str
    worker: NotRequired[str]


class ObservationRecorded(TypedDict):
    """`observation.recorded`, from another plugin: what was learnt on the way."""

    observation: str
    title: str
    kind: str
    supersedes: NotRequired[str | None]


class CallRecord(TypedDict):
    """`call.allowed`, `call.refused`, `call.finished`, from the kernel."""

    call: str
    tool: str
    arguments_sha256: NotRequired[str]
    outcome: NotRequired[str]
    result_sha256: NotRequired[str]
    error: NotRequired[dict[str, Any]]
