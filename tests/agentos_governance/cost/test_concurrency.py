"""Many workers in several processes against one budget; processes that die while they hold money."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from agentos import Role, Settings
from agentos_governance.sweeper import sweep
from tests.agentos_governance.cost.spender import CEILING, SpenderPlugin
from tests.agentos_governance.lifecycle import UNLIMITED, Office, open_office

pytestmark = pytest.mark.anyio

ORGANISATION_CAP = "0.90"


class Spenders:
    """Processes of `spender`, started together."""

    def __init__(self) -> None:
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self, job: dict[str, Any]) -> None:
        """Start one and wait until it is ready."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.agentos_governance.cost.spender",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self.processes.append(process)
        assert process.stdin is not None
        process.stdin.write(json.dumps(job).encode() + b"\n")
        assert await self.line(process) == "ready"

    async def line(self, process: asyncio.subprocess.Process) -> str:
        """The next line that a process prints."""
        assert process.stdout is not None
        async with asyncio.timeout(300):
            return (await process.stdout.readline()).decode().strip()

    async def go(self) -> None:
        """Let them begin."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")

    async def endings(self) -> Counter[str]:
        """How all their calls ended."""
        total: Counter[str] = Counter()
        for process in self.processes:
            total.update(json.loads(await self.line(process)))
            assert await process.wait() == 0
        return total


def _job(office: Office, settings: Settings, order: str, **job: Any) -> dict[str, Any]:
    return {
        "home": str(settings.home),
        "database_url": settings.database_url,
        "at": office.clock.now().isoformat(),
        "tokens": office.tokens,
        "order": order,
        "who": "w1",
        "budgets": job.pop("budgets", dict(UNLIMITED)),
        "n_workers": 0,
        **job,
    }


@pytest.mark.parametrize(
    ("n_processes", "n_workers"), [(3, 100), pytest.param(4, 500, marks=pytest.mark.nightly)]
)
async def test_workers_of_several_processes_never_overspend_one_budget(
    settings: Settings, n_processes: int, n_workers: int
) -> None:
    budgets = {**UNLIMITED, "organisation": [{"cap_usd": ORGANISATION_CAP, "per_s": 60}]}
    plugin = SpenderPlugin()
    async with open_office(settings, plugin=plugin, budgets=budgets) as office:
        order = await office.create(contract={"cost_budget_usd": "1.00"})
        await office.claim("w1", order)
        spenders = Spenders()
        job = _job(office, settings, order, budgets=budgets, n_workers=n_workers)
        await asyncio.gather(*(spenders.start(job) for _ in range(n_processes)))
        await spenders.go()
        endings = await spenders.endings()

        assert endings["ok"] + endings["budget_exceeded"] == n_processes * n_workers, endings
        assert endings["second settle was first"] == endings["second settle differs"] == 0
        assert endings["ok"] > 0 and endings["budget_exceeded"] > 0
        # What the last settlements left is there, to the cent, and no cent more.
        while not (last := await office.dispatch("w1", "buy", {"usd": "0.01"})).is_error:
            pass
        assert last.structured["error"]["rule"] == "organisation_budget"
        await _assert_all_is_booked(office, order)
        await office.assert_consistent()


async def _assert_all_is_booked(office: Office, order: str) -> None:
    money = await office.kernel.database.fetch_row(
        "select spent_usd, held_usd from governance.budget where work_order = $1", order
    )
    spent = await office.kernel.database.fetch_value(
        "select sum(usd) from governance.ledger where work_order = $1", order
    )
    assert money is not None
    assert (money["held_usd"], money["spent_usd"]) == (0, spent)
    status = await office.call("planner", "get_budget_status", layer="organisation")
    (allowance,) = status["allowances"]
    assert (Decimal(allowance["spent_usd"]), allowance["held_usd"]) == (spent, "0")
    cap = Decimal(ORGANISATION_CAP)
    assert cap - CEILING < spent <= cap


async def test_money_held_by_a_killed_process_comes_back_when_the_hold_expires(
    settings: Settings,
) -> None:
    budgets = {**UNLIMITED, "person": [{"cap_usd": "0.15"}], "process": [{"cap_usd": "0.15"}]}
    plugin = SpenderPlugin()
    async with open_office(settings, plugin=plugin, budgets=budgets) as office:
        order = await office.create(contract={"cost_budget_usd": "0.15", "lease_ttl_s": 3600})
        await office.claim("w1", order)
        spenders = Spenders()
        await spenders.start(_job(office, settings, order, holds=3, budgets=budgets))
        await spenders.go()
        (process,) = spenders.processes
        assert await spenders.line(process) == "holding"
        process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL

        error = await office.refuse("w1", "buy", usd="0.01")
        assert error["rule"] == "cost_budget_usd"
        assert "0 spent and 0.15 held of 0.15 USD" in error["message"]
        office.clock.advance(61)
        await sweep(office.kernel)
        held = await office.kernel.database.fetch("select * from governance.hold")
        assert held == []
        for _ in range(3):
            await office.call("w1", "buy", usd="0.05")
        error = await office.refuse("w1", "buy", usd="0.01")
        assert "0.15 spent and 0 held" in error["message"]
        await office.assert_consistent()


async def test_families_of_orders_hold_at_once_without_deadlock_and_within_their_root(
    settings: Settings,
) -> None:
    budgets = {**UNLIMITED, "organisation": [{"cap_usd": "50", "per_s": 60}]}
    plugin = SpenderPlugin()
    async with open_office(settings, plugin=plugin, budgets=budgets) as office:
        root = await office.create("root", contract={"cost_budget_usd": "1.00"})
        children = [
            await office.create(f"child {n}", contract={"cost_budget_usd": "1.00"}, parent=root)
            for n in range(3)
        ]
        for number, child in enumerate(children):
            await office.join(f"c{number}", Role.WORKER)
            await office.claim(f"c{number}", child)
        calls = [
            office.dispatch(f"c{n % 3}", "buy", {"usd": "0.03"}, under=children[n % 3])
            if n % 4
            else office.usage("planner", children[n % 3], f"r{n}", cost_usd="0.03")
            for n in range(60)
        ]
        endings = Counter(result.error_code for result in await asyncio.gather(*calls))
        assert set(endings) == {None, "budget_exceeded"}
        spent = await office.kernel.database.fetch_value("select sum(usd) from governance.ledger")
        assert spent == endings[None] * Decimal("0.03") <= Decimal("1.00")
        while not (last := await office.dispatch("c0", "buy", {"usd": "0.01"})).is_error:
            pass
        assert f"budget of {root}" in last.structured["error"]["message"]
        await office.assert_consistent()
