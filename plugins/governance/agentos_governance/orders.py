"""Reading work orders: rows to views, and the errors for what is not there.

Above: tools, gates, reports. Below: `sql/queries.sql`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

from agentos import (
    Event,
    InvalidArgumentError,
    NotFoundError,
    Queries,
    ToolCall,
    Transaction,
    format_time,
)
from agentos_governance.bounds import newest_within
from agentos_governance.contracts.model import Contract, parse_contract, usd_text
from agentos_governance.contracts.versions import sql as contract_sql
from agentos_governance.projections import work_order_stream
from agentos_governance.views import (
    ContractVersionView,
    CostView,
    DetailCounts,
    EvidenceView,
    LeaseView,
    VoteView,
    WorkOrderDetails,
    WorkOrderView,
    WorkspaceView,
)

sql = Queries("agentos_governance")

MAX_PRIORITY = 1_000
MAX_EVIDENCE = 50
MAX_VOTES = 50
MAX_FINDINGS = 100
MAX_CONTRACT_VERSIONS = 20
MAX_LIST_BYTES = 256 * 1024
MAX_FINDINGS_BYTES = 128 * 1024
# Contract, objective, summary and title of up to 6 bytes a character, and the lists above.
MAX_DETAILS_BYTES = 2 * 1024 * 1024
Cursor: TypeAlias = tuple[int, datetime, str]
"""After which a page begins: `-priority`, creation time, id."""
FIRST_PAGE: Cursor = (-MAX_PRIORITY - 1, datetime(1970, 1, 1, tzinfo=UTC), "")
OPEN_STATES = ("blocked", "ready", "active", "suspended", "in_review")


class Reader(Protocol):
    """The database, or a transaction."""

    async def fetch(self, sql: str, *args: Any) -> Any: ...

    async def fetch_row(self, sql: str, *args: Any) -> Any: ...

    async def fetch_value(self, sql: str, *args: Any) -> Any: ...


async def get_order(reader: Reader, work_order: str) -> Any:
    """The row of a work order with lease and money; NotFoundError for an unknown id."""
    return _found(await reader.fetch_row(sql.get_work_order, work_order), work_order)


async def lock_order(transaction: Transaction, work_order: str) -> Any:
    """The same row, locked until the transaction ends. Always lock it before its stream."""
    await transaction.fetch_row(sql.lock_work_order, work_order)
    return await get_order(transaction, work_order)


async def roll_back(call: ToolCall) -> None:
    """Undo what the call did in its transaction and free its locks; it may begin another."""
    transaction, call.transaction = call.transaction, None
    if transaction is not None:
        await transaction.rollback()


def _found(row: Any, work_order: str) -> Any:
    if row is None:
        raise NotFoundError(
            f"no work order has the id {work_order!r}", remedy="list_work_orders shows the ids"
        )
    return row


def contract_of(row: Any) -> Contract:
    """The contract stored with a work order."""
    return parse_contract(row["contract"])


def lease_view(row: Any, now: datetime) -> LeaseView | None:
    """The living lease of a row, or None."""
    if row["expires_at"] is None or row["expires_at"] <= now or row["state"] != "active":
        return None
    return LeaseView(
        worker=row["lease_worker"],
        epoch=row["lease_epoch"],
        expires_at=format_time(row["expires_at"]),
        ttl_s=row["ttl_s"],
    )


def cost_view(row: Any) -> CostView:
    """The money of a row that has `cap_usd`, `held_usd` and `spent_usd`."""
    return CostView(
        spent_usd=usd_text(row["spent_usd"] or Decimal(0)),
        held_usd=usd_text(row["held_usd"] or Decimal(0)),
        budget_usd=usd_text(row["cap_usd"] or Decimal(0)),
    )


def workspace_view(row: Any) -> WorkspaceView | None:
    """The worktree of a row, or None for a work order without a repository."""
    if row["workspace"] is None:
        return None
    return WorkspaceView(
        path=row["workspace"], branch=row["branch"], base_commit=row["base_commit"]
    )


def order_view(row: Any, depends_on: list[str], now: datetime) -> WorkOrderView:
    """A row as lists show it."""
    return WorkOrderView(**_fields(row, depends_on, now))


def _fields(row: Any, depends_on: list[str], now: datetime) -> dict[str, Any]:
    return {
        "id": row["id"],
        "title": row["title"],
        "objective": row["objective"],
        "state": row["state"],
        "phase": row["phase"],
        "role": row["role"],
        "priority": row["priority"],
        "repo": row["repo"],
        "parent": row["parent"],
        "depends_on": depends_on,
        "contract_version": row["contract_version"],
        "created_by": row["created_by"],
        "created_at": format_time(row["created_at"]),
        "lease": lease_view(row, now),
        "cost": cost_view(row),
        "packet_sha256": row["packet_sha256"],
    }


async def list_depends_on(reader: Reader, work_orders: list[str]) -> dict[str, list[str]]:
    """The ids each of the work orders waits on, sorted; those that wait on none are left out."""
    rows = await reader.fetch(sql.list_dependencies, work_orders)
    return {row["work_order"]: row["depends_on"] for row in rows}


async def list_evidence(
    reader: Reader, work_order: str, *, newest: int | None = None
) -> list[EvidenceView]:
    """Evidence of a work order in the order it was recorded; all, or the newest."""
    rows = await reader.fetch(sql.list_evidence, work_order, newest)
    return [evidence_view(row) for row in rows]


def evidence_view(row: Any) -> EvidenceView:
    """An evidence row."""
    return EvidenceView(
        id=row["id"],
        kind=row["kind"],
        claim=row["claim"],
        sha256=row["sha256"],
        path=row["path"],
        start_line=row["start_line"],
        end_line=row["end_line"],
        level=row["level"],
        facts=row["facts"],
        batch=row["batch"],
        worker=row["worker"],
        created_at=format_time(row["created_at"]),
    )


async def list_votes(
    reader: Reader,
    work_order: str,
    packet_sha256: str | None = None,
    *,
    newest: int | None = None,
) -> list[VoteView]:
    """Votes on a work order, or on one packet of it, oldest first; all, or the newest ones."""
    rows = await reader.fetch(sql.list_votes, work_order, packet_sha256, newest)
    return [
        VoteView(
            reviewer=row["reviewer"],
            verdict=row["verdict"],
            reason=row["reason"],
            findings=row["findings"],
            packet_sha256=row["packet_sha256"],
            is_human=row["is_human"],
            voted_at=format_time(row["voted_at"]),
            carried_from=row["carried_from"],
            override_reason=row["override_reason"],
        )
        for row in rows
    ]


def shown_votes(votes: list[VoteView]) -> list[VoteView]:
    """The newest votes with their newest findings, as many as an answer has room for."""
    shown = [
        vote.model_copy(
            update={"findings": newest_within(vote.findings, MAX_FINDINGS, MAX_FINDINGS_BYTES)}
        )
        for vote in votes[-MAX_VOTES:]
    ]
    return newest_within(shown, MAX_VOTES, MAX_LIST_BYTES)


async def order_details(reader: Reader, work_order: str, now: datetime) -> WorkOrderDetails:
    """What is known of a work order, in at most MAX_DETAILS_BYTES."""
    row = await get_order(reader, work_order)
    depends_on = await list_depends_on(reader, [work_order])
    newest = await list_evidence(reader, work_order, newest=MAX_EVIDENCE)
    evidence = newest_within(newest, MAX_EVIDENCE, MAX_LIST_BYTES)
    n_evidence = await reader.fetch_value(sql.count_evidence, work_order)
    all_votes = await list_votes(reader, work_order, newest=MAX_VOTES)
    votes = shown_votes(all_votes)
    said = [finding for vote in all_votes for finding in vote.findings]
    findings = newest_within(said, MAX_FINDINGS, MAX_FINDINGS_BYTES)
    n_votes, n_findings = await reader.fetch_row(sql.count_votes, work_order)
    counts = DetailCounts(evidence=n_evidence, votes=n_votes, findings=n_findings)
    shown = DetailCounts(evidence=len(evidence), votes=len(votes), findings=len(findings))
    return WorkOrderDetails(
        **_fields(row, depends_on.get(work_order, []), now),
        contract=dict(row["contract"]),
        contract_versions=await list_contract_versions(reader, work_order),
        not_by_orders=row["not_by_orders"],
        workspace=workspace_view(row),
        evidence=evidence,
        votes=votes,
        findings=findings,
        counts=counts,
        truncated=shown != counts,
        summary=row["summary"],
        history_length=await reader.fetch_value(sql.history_length, work_order_stream(work_order)),
    )


async def list_contract_versions(reader: Reader, work_order: str) -> list[ContractVersionView]:
    """The newest versions of a contract, newest first."""
    rows = await reader.fetch(
        contract_sql.list_contract_versions, work_order, MAX_CONTRACT_VERSIONS
    )
    return [contract_version_view(row) for row in rows]


def contract_version_view(row: Any) -> ContractVersionView:
    """A contract version row, without the contract."""
    return ContractVersionView(
        number=row["number"],
        contract_version=row["version"],
        created_by=row["created_by"],
        created_at=format_time(row["created_at"]),
        reason=row["reason"],
    )


async def read_history(reader: Reader, work_order: str) -> list[Event]:
    """The work order's own events, oldest first, without the records of single calls."""
    rows = await reader.fetch(sql.read_history, work_order_stream(work_order))
    return [Event(**dict(row)) for row in rows]


async def read_resume_events(reader: Reader, work_order: str) -> list[dict[str, Any]]:
    """The events of which the resume packet is a pure function, oldest first."""
    rows = await reader.fetch(sql.read_resume_events, work_order_stream(work_order))
    return [dict(row) for row in rows]


def parse_cursor(cursor: str | None) -> Cursor:
    """Where a page continues; InvalidArgumentError for what no page returned."""
    if cursor is None:
        return FIRST_PAGE
    try:
        priority, created_at, id = cursor.split("|")
        at = datetime.fromisoformat(created_at)
        if not -MAX_PRIORITY <= int(priority) <= MAX_PRIORITY or at.tzinfo is None:
            raise ValueError(cursor)
        return -int(priority), at.astimezone(UTC), id
    except (ValueError, OverflowError):
        raise InvalidArgumentError(
            "argument `cursor` is not one that list_work_orders returned",
            remedy="pass next_cursor of the page before, or leave it out",
        ) from None


def cursor_of(row: Any) -> str:
    """The cursor that continues after a row."""
    return f"{row['priority']}|{format_time(row['created_at'])}|{row['id']}"


async def find_claimable(
    reader: Reader,
    now: datetime,
    limit: int,
    *,
    role: str | None = None,
    state: str | None = None,
    phase: str | None = None,
    after: Cursor | None = None,
    without: Collection[str] = (),
) -> list[str]:
    """Ids of what can be claimed now, best first; a walk along an index, however many there are."""
    arguments = (now, state, phase, *(after or FIRST_PAGE), sorted(without), limit)
    if role is None:
        rows = await reader.fetch(sql.find_claimable, *arguments)
    else:
        rows = await reader.fetch(sql.find_claimable_of_role, *arguments, role)
    return [row["id"] for row in rows]
