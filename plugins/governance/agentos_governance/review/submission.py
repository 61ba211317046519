"""Takes in work whose gates passed: the packet is fixed, the lease ends, a review round opens.

Above: submit_work_order. Below: packets, rounds, endings. All of it is one transaction under the
lock of the work order. Whoever submitted may submit something better while it is in review: the
round that is open is superseded; the very same again changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentos import NewEvent, ToolCall, Transaction
from agentos_governance.authority.enforcement import HeldOrder
from agentos_governance.endings import complete_order
from agentos_governance.evidence.blobs import open_blob_store
from agentos_governance.evidence.packets import find_head, packet_content, store_packet
from agentos_governance.orders import sql
from agentos_governance.projections import work_order_stream
from agentos_governance.review.items import Items, items_of, reviewed_evidence
from agentos_governance.review.queries import sql as review_sql
from agentos_governance.review.rounds import (
    Submitted,
    end_open_round,
    find_last_round,
    open_round,
)
from agentos_governance.review.settings import ReviewSettings
from agentos_governance.views import GateView, State
from agentos_governance.workspace.changes import WorkspaceDiff

BLOCKING = "blocking"


@dataclass(frozen=True, slots=True)
class PassedWork:
    """A submission that may go to its reviewers; `adversarial` is what the checks found, as JSON."""

    held: HeldOrder
    summary: str
    gates: Sequence[GateView]
    diff: WorkspaceDiff | None
    adversarial: Mapping[str, Any] | None = None

    @property
    def n_blocking(self) -> int:
        """How many findings stand against it although it was submitted."""
        findings = (self.adversarial or {}).get("findings") or []
        return sum(finding.get("severity") == BLOCKING for finding in findings)


@dataclass(frozen=True, slots=True)
class AcceptedWork:
    """Where the work order stands now, and under what digest it is reviewed."""

    state: State
    packet_sha256: str
    review: str | None


async def accept(call: ToolCall, transaction: Transaction, passed: PassedWork) -> AcceptedWork:
    """Store the packet and the submission; open a review round, or complete without review.

    What is in review already, and is submitted just as it is, stays: its packet, its round, its votes.
    """
    work_order, gates = passed.held.id, [gate.model_dump(mode="json") for gate in passed.gates]
    items = items_of(passed.diff, await reviewed_evidence(transaction, work_order))
    if passed.held.is_in_review:
        waiting = await _find_same(transaction, passed, items)
        if waiting is not None:
            return AcceptedWork("in_review", waiting["packet_sha256"], waiting["id"])
    diff = await asyncio.to_thread(_diff_document, call, passed.diff)
    content = await packet_content(
        transaction,
        work_order,
        settings=call.kernel.settings,
        gates=list(passed.gates),
        diff=diff,
        summary=passed.summary,
        head=await find_head(transaction, work_order),
        adversarial=passed.adversarial,
    )
    # Durable before the event that names it; a packet whose event never comes is overwritten.
    packet = await store_packet(call.kernel.settings, content)
    data = {
        "work_order": work_order,
        "summary": passed.summary,
        "gates": gates,
        "packet_sha256": packet.sha256,
        "event_tree": {name: content.predicate["event_tree"][name] for name in ("size", "root")},
        "diff": diff,
        "worktree_sha256": None if passed.diff is None else passed.diff.state_digest,
    }
    if passed.adversarial is not None:
        data["adversarial"] = dict(passed.adversarial)
    stream, actor = work_order_stream(work_order), call.principal.name
    await transaction.append(
        NewEvent(stream, "work_order.submitted", actor, call.now(), data),
    )
    await transaction.execute(sql.drop_lease, work_order)
    if not passed.held.contract.contract.review.required:
        reason = "no review required"
        # By an amendment since: nobody needs to look at what is in review any more.
        await end_open_round(
            transaction, work_order, "superseded", reason, actor=actor, now=call.now()
        )
        await complete_order(transaction, work_order, reason, actor=actor, now=call.now())
        return AcceptedWork("completed", packet.sha256, None)
    submitted = Submitted(
        work_order=work_order,
        packet_sha256=packet.sha256,
        contract=passed.held.contract.contract,
        contract_version=passed.held.contract.version,
        items=items,
        n_blocking=passed.n_blocking,
    )
    review = await open_round(
        transaction, submitted, call.service(ReviewSettings), actor=actor, now=call.now()
    )
    return AcceptedWork("in_review", packet.sha256, review)


async def _find_same(
    transaction: Transaction, passed: PassedWork, items: Items | None
) -> Any | None:
    """The open round, where the submission says and shows just what is in review; else None.

    A client that lost the answer, and has no idempotency key, asks again: no card and no vote is
    lost by that.
    """
    before = await find_last_round(transaction, passed.held.id)
    stream = work_order_stream(passed.held.id)
    last = await transaction.fetch_row(review_sql.find_last_submission, stream)
    if before is None or before["state"] != "open" or last is None or items is None:
        return None
    said = (last["data"]["summary"], _contest_of(last["data"].get("adversarial")))
    is_same = (
        said == (passed.summary, _contest_of(passed.adversarial))
        and before["items"] == items
        and before["contract_version"] == passed.held.contract.version
        and before["packet_sha256"] == last["data"]["packet_sha256"]
    )
    return before if is_same else None


def _contest_of(adversarial: Mapping[str, Any] | None) -> Any:
    return (adversarial or {}).get("contest")


def _diff_document(call: ToolCall, diff: WorkspaceDiff | None) -> dict[str, Any] | None:
    if diff is None:
        return None
    patch_sha256 = None
    if diff.patch is not None:
        patch_sha256 = open_blob_store(call.kernel.settings).put(diff.patch)
    return {
        "sha256": diff.digest,
        "patch_sha256": patch_sha256,
        "files": diff.statistics.files,
        "insertions": diff.statistics.insertions,
        "deletions": diff.statistics.deletions,
        "paths": [change.path for change in diff.changes[:500]],
    }
