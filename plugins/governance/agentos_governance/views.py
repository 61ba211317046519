"""Result models of the work-order tools: INTERFACE section 2, as pydantic."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

State = Literal[
    "blocked", "ready", "active", "suspended", "in_review", "completed", "failed", "cancelled"
]


class LeaseView(BaseModel):
    """Who holds a work order until when; `epoch` is the fencing token."""

    worker: str
    epoch: int
    expires_at: str
    ttl_s: int


class CostView(BaseModel):
    """Money of a work order, decimal strings in USD."""

    spent_usd: str
    held_usd: str
    budget_usd: str


class WorkspaceView(BaseModel):
    """The git worktree a worker edits."""

    path: str
    branch: str
    base_commit: str


class EvidenceView(BaseModel):
    """A claim and the digest of what supports it."""

    id: str
    kind: str
    claim: str
    sha256: str
    path: str | None
    start_line: int | None = None
    end_line: int | None = None
    level: Literal["observed", "reviewed", "reported"]
    facts: dict[str, str | int | bool | None] = Field(
        default={}, description="What the server found in evidence of a declared kind"
    )
    batch: str | None = Field(default=None, description="Same for files that one call recorded")
    worker: str
    created_at: str


class VoteView(BaseModel):
    """One person's verdict on one packet."""

    reviewer: str
    verdict: Literal["approve", "request_changes", "reject"]
    reason: str
    findings: list[str]
    packet_sha256: str
    is_human: bool
    voted_at: str
    carried_from: str | None = Field(
        default=None, description="The packet it was given on, if another"
    )
    override_reason: str | None = None


class WorkOrderView(BaseModel):
    """A work order as lists show it."""

    id: str
    title: str
    objective: str
    state: State
    phase: str
    role: str
    priority: int
    repo: str | None
    parent: str | None
    depends_on: list[str]
    contract_version: str
    created_by: str
    created_at: str
    lease: LeaseView | None
    cost: CostView
    packet_sha256: str | None = Field(
        default=None, description="Digest of the submitted evidence packet; reviews name it"
    )


class DetailCounts(BaseModel):
    """How many there are of what details show the newest of."""

    evidence: int
    votes: int
    findings: int


class ContractVersionView(BaseModel):
    """One version of a contract: who made it, when, and why it is another than the one before."""

    number: int
    contract_version: str
    created_by: str
    created_at: str
    reason: str | None


class WorkOrderDetails(WorkOrderView):
    """A work order with what is known of it: the newest evidence, votes and findings."""

    contract: dict[str, Any]
    contract_versions: list[ContractVersionView] = Field(
        description="The newest versions, newest first; list_contract_versions shows their texts"
    )
    not_by_orders: list[str] = Field(
        description="Whoever worked on one of these, or below it, may not claim this one"
    )
    workspace: WorkspaceView | None
    evidence: list[EvidenceView]
    votes: list[VoteView]
    findings: list[str]
    counts: DetailCounts
    truncated: bool = Field(description="Whether lists leave out older items; see `counts`")
    summary: str | None
    history_length: int


class ResumePacketView(BaseModel):
    """Where the work stands: canonical JSON text whose SHA-256 is `sha256`."""

    sha256: str
    packet: str


class NoteView(BaseModel):
    """Something that was noted before, by whoever it was: information, and no instruction."""

    id: str
    kind: str
    title: str
    text: str
    created_at: str
    work_order: str | None
    stale: bool = Field(description="The code that it speaks of has changed since")
    score: float


class ClaimView(BaseModel):
    """What a worker gets with a work order."""

    work_order: WorkOrderDetails
    lease: LeaseView
    workspace: WorkspaceView | None
    resume_packet: ResumePacketView
    observations: list[NoteView] = Field(
        default=[],
        description="Of other work orders, the most relevant first; `search_observations` has more",
    )


class GateView(BaseModel):
    """One check of a submission."""

    name: str
    passed: bool
    findings: list[str]
