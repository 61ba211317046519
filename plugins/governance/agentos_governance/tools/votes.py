"""Who may vote on submitted work, and whose vote counts.

Above: `tools.reviews`. Below: persons behind principals, work orders.
"""

from __future__ import annotations

from typing import Any

from agentos import CallRefusedError, ConflictError, InvalidStateError, ToolCall, Transaction
from agentos_governance.authority.persons import keys_behind, keys_of_makers
from agentos_governance.contracts.model import Contract
from agentos_governance.orders import Reader, get_order, sql
from agentos_governance.tools.leases import resume_packet


async def count_approvals(transaction: Transaction, work_order: str, contract: Contract) -> int:
    """How many persons approve the packet; names that tokens bind to one person are one."""
    packet = (await get_order(transaction, work_order))["packet_sha256"]
    counted: set[str] = set()
    n_approvals = 0
    for vote in await transaction.fetch(sql.list_votes, work_order, packet, None):
        if _counts(vote, contract):
            keys = {vote["voter"]} | await keys_behind(transaction, [vote["reviewer"]])
            n_approvals += keys.isdisjoint(counted)
            counted |= keys
    return n_approvals


def _counts(vote: Any, contract: Contract) -> bool:
    if vote["verdict"] != "approve":
        return False
    by = contract.review.by
    return by == "either" or vote["is_human"] == (by == "human")


async def check_reviewable(reader: Reader, row: Any, packet_sha256: str) -> None:
    """Refuse a vote on work that is not in review, or on a packet that it no longer has."""
    if row["state"] != "in_review":
        raise InvalidStateError(f"{row['id']} is {row['state']}; only work in review is voted on")
    if packet_sha256 == row["packet_sha256"]:
        return
    if packet_sha256 != (await resume_packet(reader, row["id"])).sha256:
        raise ConflictError(
            f"the packet of {row['id']} is {row['packet_sha256']} now, not {packet_sha256}",
            remedy="look at the work order again and vote on what is there now",
        )


async def check_four_eyes(call: ToolCall, reader: Reader, row: Any, contract: Contract) -> None:
    """Refuse the vote of whoever made the work, and of no person where one is asked for."""
    makers = await keys_of_makers(reader, row["id"])
    voter = await keys_behind(reader, (call.principal.answerable, call.principal.name))
    if not makers.isdisjoint(voter):
        raise CallRefusedError(
            f"{call.principal.answerable} planned or worked on {row['id']}, or what it is part of; "
            "nobody approves their own work",
            rule="four_eyes",
            contract_version=row["contract_version"],
            remedy="ask somebody who had no part in it",
        )
    if contract.review.by == "human" and call.principal.person is None:
        raise CallRefusedError(
            f"{row['id']} must be reviewed by a person; {call.principal.name} is bound to none",
            rule="review.by",
            contract_version=row["contract_version"],
            remedy="use a token that was created with --person",
        )
