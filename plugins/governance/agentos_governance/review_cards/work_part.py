"""What the card of submitted work shows beyond any other: diff, gates, findings, votes, what changed.

Above: cards. Below: the event of the submission, rounds, votes, the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agentos import format_time
from agentos_governance.contracts.model import Contract, usd_text
from agentos_governance.orders import Reader, contract_of, cost_view
from agentos_governance.orders import sql as sql_of_orders
from agentos_governance.review.tally import count_approvals
from agentos_governance.review_cards.model import (
    MAX_SHOWN_PATHS,
    BlastRadius,
    CardCost,
    CardDiff,
    CardFinding,
    CardGate,
    CardVote,
    CardWorker,
    WhatChanged,
)
from agentos_governance.review_cards.subjects import Subject, sql

MAX_FINDINGS = 100
MAX_VOTES = 50
MAX_VOTE_REASON = 1_000
MAX_NAMED = 6
_FIRST = {"blocking": 0, "warning": 1, "note": 2}


async def work_fields(
    reader: Reader, subject: Subject, order: Any, now: datetime
) -> dict[str, Any]:
    """The fields of a card that only submitted work has, or that it says in its own way."""
    row, policy = subject.row, contract_of(order).review
    submission = await reader.fetch_row(sql.find_submission, subject.stream, row["packet_sha256"])
    data: Mapping[str, Any] = {} if submission is None else submission["data"]
    adversarial = data.get("adversarial") or {}
    findings = _findings(adversarial)
    needs = ""
    if subject.outcome(now) is None:
        tally = await count_approvals(reader, order["id"], row["packet_sha256"], policy)
        needs = tally.needs(policy)
    votes = await reader.fetch(
        sql_of_orders.list_votes, order["id"], row["packet_sha256"], MAX_VOTES
    )
    return {
        "title": order["title"],
        "workers": await _workers(reader, order),
        "verdict": row["verdict"],
        "reason": row["reason"],
        "decided_by": row["decided_person"] or row["decided_by"],
        "decided_at": None if row["decided_by"] is None else _time(row["ended_at"]),
        "diff": _diff(data.get("diff")),
        "blast_radius": _blast_radius(adversarial.get("blast_radius")),
        "gates": [
            CardGate(name=gate["name"], passed=gate["passed"], n_findings=len(gate["findings"]))
            for gate in data.get("gates") or []
        ],
        "findings": findings[:MAX_FINDINGS],
        "n_blocking": sum(finding.severity == "blocking" for finding in findings),
        "dropped_findings": adversarial.get("n_dropped") or 0,
        "votes": [_vote(vote) for vote in votes],
        "quorum": policy.quorum,
        "by": policy.by,
        "needs": needs,
        "what_changed": await _what_changed(reader, row),
        "superseded_by": await _superseded_by(reader, row),
    }


def contract_line(contract: Contract) -> str:
    """The contract in one line of at most about 300 characters."""
    review = contract.review
    parts = [
        f"may write {_named(contract.allowed_roots) or 'nothing'}",
        f"tools {_named(contract.allowed_tools) or 'none'}",
        f"evidence {_named(contract.evidence_required) or 'none'}",
        f"budget {usd_text(contract.cost_budget_usd)} USD",
        f"review by {review.quorum} ({review.by})" if review.required else "no review",
    ]
    return "; ".join(parts)[:400]


def cost_of(order: Any) -> CardCost:
    """The money of a work-order row."""
    cost = cost_view(order)
    return CardCost(spent_usd=cost.spent_usd, budget_usd=cost.budget_usd)


def _named(entries: list[str]) -> str:
    shown = ", ".join(entry[:40] for entry in entries[:MAX_NAMED])
    more = len(entries) - MAX_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


async def _workers(reader: Reader, order: Any) -> list[CardWorker]:
    rows = await reader.fetch(sql.list_workers, order["id"])
    return [
        CardWorker(
            worker=row["worker"], role=order["role"], person=row["person"], model=row["model"]
        )
        for row in rows
    ]


def _diff(diff: Mapping[str, Any] | None) -> CardDiff | None:
    if diff is None:
        return None
    paths = sorted(diff["paths"])
    return CardDiff(
        files=diff["files"],
        insertions=diff["insertions"],
        deletions=diff["deletions"],
        paths=paths[:MAX_SHOWN_PATHS],
        # The event holds the first 500 paths; `files` counts all.
        n_paths=max(len(paths), diff["files"]),
    )


def _blast_radius(found: Mapping[str, Any] | None) -> BlastRadius | None:
    if found is None:
        return None
    return BlastRadius(**{name: found[name] for name in BlastRadius.model_fields})


def _findings(adversarial: Mapping[str, Any]) -> list[CardFinding]:
    """Blocking ones first, each severity in the order of the checks."""
    fields = CardFinding.model_fields
    found = [
        CardFinding(**{name: finding.get(name) for name in fields})
        for finding in adversarial.get("findings") or []
    ]
    return sorted(found, key=lambda finding: _FIRST[finding.severity])


def _vote(vote: Any) -> CardVote:
    reason = vote["reason"]
    if vote["override_reason"]:
        reason = f"{reason} (in spite of a blocking finding: {vote['override_reason']})"
    return CardVote(
        person=vote["person"] or vote["reviewer"],
        verdict=vote["verdict"],
        reason=reason[:MAX_VOTE_REASON],
        at=format_time(vote["voted_at"]),
        carried=vote["carried_from"] is not None,
    )


async def _what_changed(reader: Reader, row: Any) -> WhatChanged | None:
    changed = row["what_changed"]
    if changed is None:
        return None
    since = await reader.fetch_value(sql.find_round_before, row["work_order"], row["number"])
    return WhatChanged(
        since=since,
        added=changed["added"],
        changed=changed["changed"],
        removed=changed["removed"],
        n_paths=changed["n_added"] + changed["n_changed"] + changed["n_removed"],
    )


async def _superseded_by(reader: Reader, row: Any) -> str | None:
    if row["state"] != "superseded":
        return None
    found: str | None = await reader.fetch_value(
        sql.find_round_after, row["work_order"], row["number"]
    )
    return found


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
