"""LIMIT rules: counted in PostgreSQL, in the transaction that stores the admission.

Above: enforcement, check_action. Below: `governance.take_limits`. An organisation's limit counts
all calls, a repository's those of its work orders, a contract's those of its work order and all
below it; one per claim or work order counts for each work order apart, a contract's for its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from agentos import CallRefusedError, Transaction, sha256_hex
from agentos_governance.policies.history import sql
from agentos_governance.policies.layers import CountedLimit


@dataclass(frozen=True, slots=True)
class LimitedCall:
    """What is counted: one call, the stream that records it, the claim it is made under."""

    id: str
    stream: str
    at: datetime
    work_order: str | None
    epoch: int


async def take_limits(
    transaction: Transaction, call: LimitedCall, limits: Collection[CountedLimit]
) -> None:
    """Count the call in every limit; CallRefusedError names the first that is used up.

    The transaction must then be rolled back, and all is as before.
    """
    epochs = await _owner_epochs(transaction, call, limits)
    counted = {
        key: limit
        for limit in limits
        if (key := counter_key(limit, call.work_order, call.epoch, epochs)) is not None
    }
    keys = sorted(counted)
    full = await transaction.fetch_value(
        sql.take_limits,
        call.stream,
        call.id,
        call.at,
        keys,
        [counted[key].limit.max_calls for key in keys],
        [window_s(counted[key]) for key in keys],
    )
    if full is not None:
        raise LimitUsedUpError(counted[keys[full - 1]])


async def take_shadow_limits(
    transaction: Transaction, call: LimitedCall, limits: Collection[CountedLimit]
) -> CountedLimit | None:
    """Count the call in the limits of policies in shadow, as if they were enforced.

    The limit that would have refused the call, which none of them counts then; None for none.
    """
    if not limits:
        return None
    try:
        async with transaction.connection.transaction():
            await take_limits(transaction, call, limits)
    except LimitUsedUpError as full:
        return full.limit
    return None


class LimitUsedUpError(CallRefusedError):
    """The refusal of a call that a full limit counts."""

    def __init__(self, limit: CountedLimit) -> None:
        per = limit.limit.per
        later = "later" if isinstance(per, int) else "in another claim or work order"
        what = limit.limit.reason or limit.limit.text
        super().__init__(
            f"{what}: the limit of {limit.limit.max_calls} is used up",
            rule=limit.rule,
            remedy=f"do with fewer calls, or repeat the call {later}",
        )
        self.limit = limit


def window_s(limit: CountedLimit) -> int:
    """The sliding window in seconds; 0 for a limit per claim or work order."""
    return limit.limit.per if isinstance(limit.limit.per, int) else 0


def counter_key(
    limit: CountedLimit, work_order: str | None, epoch: int, epochs: dict[str, int]
) -> str | None:
    """Which counter a limit has for a call; None where it has none: a call under no work order.

    The same text in the same scope is the same limit, wherever it stands in its file.
    """
    parts = [limit.scope, limit.limit.text]
    per = limit.limit.per
    if not isinstance(per, int):
        owner = _owner(limit) or work_order
        if owner is None:
            return None
        parts += [per, owner]
        if per == "claim":
            parts.append(str(epochs.get(owner, epoch)))
    return sha256_hex("\x00".join(parts).encode())


def _owner(limit: CountedLimit) -> str | None:
    """The work order whose contract has the limit; None for limits of other layers."""
    kind, _, id = limit.scope.partition(":")
    return id if kind == "work_order" else None


async def _owner_epochs(
    transaction: Transaction, call: LimitedCall, limits: Collection[CountedLimit]
) -> dict[str, int]:
    owners = {_owner(limit) for limit in limits if limit.limit.per == "claim"}
    above: Sequence[str] = sorted(o for o in owners if o is not None and o != call.work_order)
    if not above:
        return {}
    rows = await transaction.fetch(sql.list_epochs, above)
    return {row["id"]: row["epoch"] for row in rows}
