"""A plugin whose tools cost money, and a process of many workers that call them and may be killed.

    python -m tests.agentos_governance.cost.spender < job.json

Prints a line when it is ready, waits for one on standard input, makes its calls at once, sends
every settlement again, and prints how the calls ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from agentos import Settings, Tool, ToolCall, hookimpl, tool
from agentos_governance.cost.budgets import sql
from tests.agentos_governance.lifecycle import FakeClock, Office, open_office

CEILING = Decimal("0.05")


class Spent(BaseModel):
    """What a call cost, and its id."""

    usd: str
    call: str


class Meeting:
    """Where bodies wait until a test lets them go on."""

    def __init__(self) -> None:
        self.n_waiting = 0
        self._arrived = asyncio.Condition()
        self.go = asyncio.Event()

    async def join(self) -> None:
        async with self._arrived:
            self.n_waiting += 1
            self._arrived.notify_all()
        await self.go.wait()

    async def wait_for(self, count: int) -> None:
        """Until `count` bodies wait."""
        async with asyncio.timeout(60), self._arrived:
            await self._arrived.wait_for(lambda: self.n_waiting >= count)


class SpenderPlugin:
    """One object a kernel."""

    def __init__(self, *prices: Mapping[str, Any]) -> None:
        self.meeting = Meeting()
        self._prices = prices

    @hookimpl
    def register_price_tables(self) -> Sequence[Mapping[str, Any]]:
        return self._prices

    @hookimpl
    def register_tools(self) -> list[Tool]:
        meeting = self.meeting

        @tool(reads=["models"], max_cost_usd=CEILING, timeout_s=30)
        async def buy(call: ToolCall, usd: str, wait: bool = False) -> Spent:
            """Spend money, at most the ceiling."""
            if wait:
                await meeting.join()
            call.cost_usd = usd
            return Spent(usd=usd, call=call.id)

        @tool(writes=["clouds"])
        async def deploy(call: ToolCall) -> Spent:
            """Write without a price."""
            return Spent(usd="0", call=call.id)

        @tool(writes=["files"], paths=["path"])
        async def write_file(call: ToolCall, path: str) -> Spent:
            """Write one file of the workspace."""
            return Spent(usd="0", call=call.id)

        return [buy, deploy, write_file]


async def _spend(office: Office, job: dict[str, Any], number: int, endings: Counter[str]) -> None:
    usd = f"0.0{number % 5}1"
    while True:
        result = await office.dispatch(job["who"], "buy", {"usd": usd}, under=job["order"])
        if result.error_code != "unavailable":
            break
        # On a busy machine hundreds of workers may wait too long for a connection: they repeat.
        endings["repeated"] += 1
    endings[result.error_code or "ok"] += 1
    if result.is_error:
        return
    again = await office.kernel.database.fetch_row(
        sql.settle_money, result.structured["call"], usd, office.clock.now()
    )
    assert again is not None
    endings["second settle was first"] += again["is_first"]
    endings["second settle differs"] += again["usd"] != Decimal(usd)


async def _run(job: dict[str, Any]) -> None:
    settings = Settings(
        home=Path(job["home"]), database_url=job["database_url"], database_pool_size=32, plugins=()
    )
    clock = FakeClock(datetime.fromisoformat(job["at"]))
    plugin = SpenderPlugin()
    async with open_office(
        settings, clock=clock, plugin=plugin, tokens=job["tokens"], budgets=job["budgets"]
    ) as office:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        if job.get("holds"):
            async with asyncio.TaskGroup() as tasks:
                for _ in range(job["holds"]):
                    arguments = {"usd": "0.01", "wait": True}
                    tasks.create_task(
                        office.dispatch(job["who"], "buy", arguments, under=job["order"])
                    )
                await plugin.meeting.wait_for(job["holds"])
                print("holding", flush=True)
        endings: Counter[str] = Counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(job["n_workers"]):
                tasks.create_task(_spend(office, job, number, endings))
        print(json.dumps(endings), flush=True)


def main() -> None:
    """Run the job in the first line of standard input."""
    asyncio.run(_run(json.loads(sys.stdin.readline())))


if __name__ == "__main__":
    main()
