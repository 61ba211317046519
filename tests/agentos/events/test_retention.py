"""Issue 3: what is remembered for repeated writes and replays is kept for a time, not for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agentos import Kernel, Settings
from agentos.retention import BATCH, sweep_call_results, sweep_idempotency
from tests.agentos.events.tampering import execute, open_log

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FILL = """
insert into kernel.idempotency
select 'ada', 'worker', 'key-' || n, 'say', repeat('0', 64), '{}', 'CA-' || n,
       $1::timestamptz - n * interval '1 hour'
  from generate_series(1, $2) n
"""


async def count(kernel: Kernel) -> int:
    n_rows: int = await kernel.database.fetch_value("select count(*) from kernel.idempotency")
    return n_rows


async def test_only_what_is_older_than_the_retention_is_forgotten(settings: Settings) -> None:
    async with open_log(settings) as kernel:
        await execute(kernel, FILL, NOW, BATCH + 200)

        swept = await sweep_idempotency(kernel.database, NOW - timedelta(hours=100))

        assert swept == BATCH + 100, "over more than one batch"
        assert await count(kernel) == 100
        assert await sweep_idempotency(kernel.database, NOW - timedelta(hours=100)) == 0


async def test_a_result_that_a_call_holds_is_left_for_the_next_sweep(settings: Settings) -> None:
    async with open_log(settings) as kernel:
        await execute(kernel, FILL, NOW, 3)
        async with kernel.database.connection() as connection, connection.transaction():
            await connection.execute(
                "select 1 from kernel.idempotency where key = 'key-2' for update"
            )
            assert await sweep_idempotency(kernel.database, NOW) == 2
        assert await sweep_idempotency(kernel.database, NOW) == 1


async def test_kept_results_of_calls_are_forgotten_as_well(settings: Settings) -> None:
    async with open_log(settings) as kernel:
        await execute(
            kernel,
            "insert into kernel.call_result values (repeat('a', 64), '{}', false, $1)",
            NOW,
        )
        assert await sweep_call_results(kernel.database, NOW) == 0
        assert await sweep_call_results(kernel.database, NOW + timedelta(seconds=1)) == 1
