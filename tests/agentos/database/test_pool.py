"""A bounded pool gives every connection back, whatever happens to those who wait for one."""

from __future__ import annotations

import asyncio
import random

import asyncpg
import pytest

from agentos import UnavailableError
from agentos.database.pool import Database

pytestmark = pytest.mark.anyio


async def _open(database_url: str, *, acquire_timeout_s: float) -> Database:
    database = Database(database_url, pool_size=1, acquire_timeout_s=acquire_timeout_s)
    await database.open()
    return database


async def test_who_waits_too_long_is_told_and_takes_nothing_along(database_url: str) -> None:
    database = await _open(database_url, acquire_timeout_s=0.05)
    try:
        async with database.connection():
            with pytest.raises(UnavailableError, match="cannot be reached"):
                async with database.connection():
                    pass
        assert await database.fetch_value("select 1") == 1
    finally:
        await database.close()


async def test_a_connection_that_is_handed_to_a_cancelled_waiter_is_not_lost(
    database_url: str,
) -> None:
    database = await _open(database_url, acquire_timeout_s=20)
    try:
        for n_ticks in range(8):
            async with database.connection():
                waiting = asyncio.create_task(database.fetch_value("select 1"))
                await asyncio.sleep(0)
            # The waiter is woken by now, and at each turn a little further on.
            for _ in range(n_ticks):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            async with asyncio.timeout(60):
                assert await database.fetch_value("select 1") == 1
    finally:
        await database.close()


async def test_a_connection_that_died_while_nobody_used_it_is_replaced(database_url: str) -> None:
    database = await _open(database_url, acquire_timeout_s=20)
    other = await asyncpg.connect(database_url)
    try:
        async with asyncio.timeout(60):
            first = await database.fetch_value("select pg_backend_pid()")
            assert await database.fetch_value("select pg_backend_pid()") == first
            await other.fetchval("select pg_terminate_backend($1, 50000)", first)
            assert await database.fetch_value("select pg_backend_pid()") != first
            async with database.connection() as connection:
                assert await connection.fetchval("select 1") == 1
    finally:
        await other.close()
        await database.close()


async def test_many_who_give_up_at_any_moment_leave_the_pool_whole(database_url: str) -> None:
    chance = random.Random(7)
    database = await _open(database_url, acquire_timeout_s=20)

    async def ask() -> None:
        async with asyncio.timeout(chance.random() / 50):
            await database.fetch_value("select pg_sleep($1)", chance.random() / 500)

    try:
        await asyncio.gather(*(ask() for _ in range(300)), return_exceptions=True)
        async with asyncio.timeout(60):
            assert await database.fetch_value("select 1") == 1
    finally:
        await database.close()
