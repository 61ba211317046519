"""Ends what nobody ended: expired leases, holds and reviews, packets that a crash left unwritten.

Above: the plugin starts it with the server. Below: due_rows, orders, reviews, packets. Any number of servers may
sweep at once; each end is decided under the lock of its work order.
"""

from __future__ import annotations

import asyncio

from agentos import Kernel, NewEvent
from agentos_governance.approvals.deciding import end_overdue_approvals
from agentos_governance.cost.budgets import sql as money_sql
from agentos_governance.decisions.ending import end_overdue_decisions
from agentos_governance.due_rows import SweepFailures, run_steps, take_up
from agentos_governance.evidence.packets import ensure_final_packet, is_packet_after
from agentos_governance.orders import lock_order, sql
from agentos_governance.projections import work_order_stream
from agentos_governance.review.digests import announce_digest
from agentos_governance.review.sweeping import ADOPTION, adopt_reviews, sweep_reviews
from agentos_governance.workflows.reactor import advance_due

SWEEP_EVERY_S = 1.0


async def sweep_for_ever(kernel: Kernel) -> None:
    """Sweep about once a second, whatever happens to the database meanwhile."""
    once = {"packets": repair_packets, ADOPTION: adopt_reviews}
    while True:
        answers = await run_steps(kernel, list(once.items()))
        if "packets" in answers:
            once.pop("packets")
        # It goes on where some were found, or could not be adopted yet.
        if not answers.get(ADOPTION, 1) and not _are_held(kernel, ADOPTION):
            once.pop(ADOPTION)
        await sweep(kernel)
        await asyncio.sleep(SWEEP_EVERY_S)


async def sweep(kernel: Kernel) -> int:
    """One round; how many leases it ended. A step that fails does not keep the others from running."""
    return (await run_steps(kernel, STEPS)).get("leases", 0)


def _are_held(kernel: Kernel, step: str) -> bool:
    return bool(kernel.service(SweepFailures).held(step, kernel.clock.now()))


async def _end_leases(kernel: Kernel) -> int:
    now = kernel.clock.now()
    return await take_up(
        kernel,
        "leases",
        sql.find_expired_leases,
        now,
        act=lambda row: _end_lease(kernel, row["id"]),
    )


async def _release_money(kernel: Kernel) -> int:
    now = kernel.clock.now()
    async with kernel.database.connection() as connection:
        await connection.execute(money_sql.release_expired_money, now)
        await connection.execute(money_sql.tidy_money, now)
    return 0


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


async def repair_packets(kernel: Kernel) -> int:
    """Write the final packets that a crash left out; those that cannot be written are logged."""
    n_repaired = 0
    for row in await kernel.database.fetch(sql.find_ended_with_packet):
        if not is_packet_after(kernel.settings, row["id"], row["ended_hash"]):
            try:
                await ensure_final_packet(kernel, row["id"])
                n_repaired += 1
            except Exception as error:
                kernel.service(SweepFailures).tell("packets", row["id"], error)
    return n_repaired


STEPS = (
    ("leases", _end_leases),
    ("money", _release_money),
    ("approvals", end_overdue_approvals),
    ("decisions", end_overdue_decisions),
    ("reviews", sweep_reviews),
    ("digest", announce_digest),
    ("workflows", advance_due),
)
"""What a round does, in this order."""
