"""Whether a repeated write may be answered with its first result.

Above: enforcement. Below: `sql/leases.sql`. The first answer of a call says what the worker may do
under its lease. Once that lease ran out or was taken over, a worker that repeats an old key is told
so, as by every other call, and cannot take the answer for a lease it no longer has. Who ended the
lease itself, by submitting or standing down, or holds the work order again, gets the first answer:
that is how a worker finds out after a crash what it had done.
"""

from __future__ import annotations

from agentos import LeaseLostError, Queries, ToolCall

_sql = Queries("agentos_governance", "sql/leases.sql")


async def judge_replay(call: ToolCall, first_call: str) -> None:
    """LeaseLostError where the first call was made under a lease that the worker has lost."""
    lost = await call.kernel.database.fetch_value(
        _sql.find_lost_lease, first_call, call.principal.name, call.now()
    )
    if lost is not None:
        raise LeaseLostError(
            f"{call.principal.name} lost {lost}, under whose lease this idempotency key was used",
            remedy="claim the work order again; its resume packet says what was done",
        )
