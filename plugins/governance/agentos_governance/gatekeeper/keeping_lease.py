"""Keeps a worker's lease while the server itself works on its submission.

Above: submit_work_order, around gates and checks. Below: the lease's statements. A worker that
waits for an answer cannot renew, and must not lose its work for the server's slowness.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from agentos import ToolCall, UnavailableError
from agentos_governance.authority.enforcement import HeldOrder
from agentos_governance.orders import sql

RENEWALS_PER_TTL = 3

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def kept_alive(call: ToolCall, held: HeldOrder) -> AsyncIterator[None]:
    """The lease of `held` is renewed until the block ends; one that was lost is not got back."""
    task = asyncio.create_task(_renew(call, held), name=f"lease of {held.id}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _renew(call: ToolCall, held: HeldOrder) -> None:
    every_s = held.contract.contract.lease_ttl_s / RENEWALS_PER_TTL
    while True:
        try:
            async with call.kernel.database.connection() as connection:
                await connection.fetchrow(
                    sql.renew_lease, held.id, held.worker, held.epoch, call.now()
                )
        except UnavailableError:
            _log.warning("lease_not_renewed", work_order=held.id)
        await asyncio.sleep(every_s)
