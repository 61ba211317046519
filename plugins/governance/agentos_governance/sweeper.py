"""Ends what nobody ended: expired leases, holds and reviews, packets that a crash left unwritten.

Above: the plugin starts it with the server. Below: orders, reviews, packets. Any number of servers may
sweep at once; each end is decided under the lock of its work order.
"""

from __future__ import annotations

import asyncio

import structlog

from agentos import Kernel, NewEvent, ToolError
from agentos_governance.approvals.deciding import end_overdue_approvals
from agentos_governance.cost.budgets import sql as money_sql
from agentos_governance.decisions.ending import end_overdue_decisions
from agentos_governance.evidence.packets import ensure_final_packet, is_packet_after
from agentos_governance.orders import lock_order, sql
from agentos_governance.projections import work_order_stream
from agentos_governance.review.digests import announce_digest
from agentos_governance.review.sweeping import adopt_reviews, sweep_reviews
from agentos_governance.workflows.reactor import advance_due

SWEEP_EVERY_S = 1.0

_log = structlog.get_logger(__name__)


async def sweep_for_ever(kernel: Kernel) -> None:
    """Sweep about once a second, whatever happens to the database meanwhile."""
    await repair_packets(kernel)
    is_adopted = False
    while True:
        try:
            if not is_adopted:
                await adopt_reviews(kernel)
                is_adopted = True
            await sweep(kernel)
        except ToolError as error:
            _log.warning("sweep_postponed", code=error.code)
        except Exception as error:  # the owner of a background task keeps it alive
            _log.error("sweep_failed", exc_info=error)
        await asyncio.sleep(SWEEP_EVERY_S)


async def sweep(kernel: Kernel) -> int:
    """One round; how many leases it ended."""
    now = kernel.clock.now()
    rows = await kernel.database.fetch(sql.find_expired_leases, now)
    n_ended = 0
    for row in rows:
        n_ended += await _end_lease(kernel, row["id"])
    async with kernel.database.connection() as connection:
        await connection.execute(money_sql.release_expired_money, now)
        await connection.execute(money_sql.tidy_money, now)
    await end_overdue_approvals(kernel)
    await end_overdue_decisions(kernel)
    await sweep_reviews(kernel)
    await announce_digest(kernel)
    await advance_due(kernel)
    return n_ended


async def _end_lease(kernel: Kernel, work_order: str) -> bool:
    transaction = await kernel.open_transaction()
    try:
        row = await lock_order(transaction, work_order)
        now = kernel.clock.now()
        is_alive = row["expires_at"] is not None and row["expires_at"] > now
        if row["state"] != "active" or is_alive:
            await transaction.rollback()
            return False
        await transaction.append(
            NewEvent(
                work_order_stream(work_order),
                "work_order.lease_expired",
                "system",
                now,
                {"work_order": work_order, "worker": row["worker"], "epoch": row["epoch"]},
            )
        )
        await transaction.execute(sql.drop_lease, work_order)
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise
    kernel.bus.announce()
    return True


async def repair_packets(kernel: Kernel) -> None:
    """Write the final packets that a crash left out; those that cannot be written are logged."""
    for row in await kernel.database.fetch(sql.find_ended_with_packet):
        if not is_packet_after(kernel.settings, row["id"], row["ended_hash"]):
            try:
                await ensure_final_packet(kernel, row["id"])
            except (ToolError, OSError) as error:
                _log.error("packet_not_repaired", work_order=row["id"], exc_info=error)
