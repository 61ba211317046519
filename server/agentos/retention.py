"""What is not kept for ever: results, for idempotency keys and for replays, and subscriptions.

Above: the kernel, which owns the task. Below: SQL of `sql/retention.sql`. Events are never removed.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from agentos.clock import Clock
from agentos.database.pool import Database
from agentos.database.queries import Queries

BATCH = 1_000
SWEEP_EVERY_S = 600.0
PAUSE_S = 0.1
SUBSCRIPTION_AGE = timedelta(days=7)

_sql = Queries("agentos", "sql/retention.sql")
_log = structlog.get_logger(__name__)


async def forget_old_results(
    database: Database, clock: Clock, *, idempotency_days: int, call_result_days: int
) -> None:
    """Sweep now and then, for as long as the task runs."""
    while True:
        # Not at once: most processes are over before anything can have become too old.
        await asyncio.sleep(SWEEP_EVERY_S)
        try:
            now = clock.now()
            await sweep_idempotency(database, now - timedelta(days=idempotency_days))
            await sweep_call_results(database, now - timedelta(days=call_result_days))
            await _sweep(database, _sql.forget_subscriptions, now - SUBSCRIPTION_AGE)
            await _sweep(database, _sql.forget_log_levels, now - SUBSCRIPTION_AGE)
        except Exception as error:  # noqa: BLE001 - the owner of a background task; it logs
            _log.warning("results_not_swept", error=type(error).__name__)


async def sweep_idempotency(database: Database, before: datetime) -> int:
    """Forget what was remembered for keys before a time, a batch a transaction; how many rows."""
    return await _sweep(database, _sql.forget_results, before)


async def sweep_call_results(database: Database, before: datetime) -> int:
    """Forget what calls answered before a time, a batch a transaction; how many rows."""
    return await _sweep(database, _sql.forget_call_results, before)


async def _sweep(database: Database, statement: str, before: datetime) -> int:
    n_swept = 0
    while True:
        async with database.connection() as connection:
            tag = await connection.execute(statement, before, BATCH)
        n_rows = int(tag.rpartition(" ")[2])
        n_swept += n_rows
        if n_rows < BATCH:
            return n_swept
        await asyncio.sleep(PAUSE_S)
