"""Takes in work whose gates passed: the packet is fixed, the lease ends, a review round opens.

Above: submit_work_order. Below: packets, rounds, endings. All of it is one transaction under the
lock of the work order.
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
from agentos_governance.review.items import items_of, reviewed_evidence
from agentos_governance.review.rounds import Submitted, open_round
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
    """Store the packet and the submission; open a review round, or complete without review."""
    work_order, gates = passed.held.id, [gate.model_dump(mode="json") for gate in passed.gates]
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
    packet = await asyncio.to_thread(store_packet, call.kernel.settings, content)
    data = {
        "work_order": work_order,
        "summary": passed.summary,
        "gates": gates,
        "packet_sha256": packet.sha256,
        "event_tree": {name: content.predicate["event_tree"][name] for name in ("size", "root")},
        "diff": diff,
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
        await complete_order(transaction, work_order, reason, actor=actor, now=call.now())
        return AcceptedWork("completed", packet.sha256, None)
    submitted = Submitted(
        work_order=work_order,
        packet_sha256=packet.sha256,
        contract=passed.held.contract.contract,
        contract_version=passed.held.contract.version,
        items=items_of(passed.diff, await reviewed_evidence(transaction, work_order)),
        n_blocking=passed.n_blocking,
    )
    review = await open_round(
        transaction, submitted, call.service(ReviewSettings), actor=actor, now=call.now()
    )
    return AcceptedWork("in_review", packet.sha256, review)


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
