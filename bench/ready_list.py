"""What it costs to find work among many orders: ready lists, pages, and claims by role.

    python bench/ready_list.py [--orders 10000] [--rounds 50] [--json]

Server time is a whole governed call (`Kernel.dispatch`: authorization, records stored durably, the
answer built); sql is the statement alone. Median and 95th percentile in milliseconds, and the CPU
time of the server process (without PostgreSQL's), which says more on a machine that others use.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agentos import CallRequest, Credentials, Kernel, Role, SystemClock
from agentos.testing import open_test_kernel
from agentos_governance.orders import find_claimable
from tests.agentos_governance.workflows.many_orders import fill

Measured = Callable[[], Awaitable[Any]]


async def _call(kernel: Kernel, token: str, tool: str, arguments: dict[str, Any]) -> Any:
    request = CallRequest(tool, arguments, Credentials(bearer_token=token), "bench")
    result = await kernel.dispatch(request)
    assert not result.is_error, result.text
    return result.structured


async def _timed(run: Measured, rounds: int) -> dict[str, float]:
    for _ in range(5):
        await run()
    times = []
    cpu = time.process_time()
    for _ in range(rounds):
        started = time.perf_counter()
        await run()
        times.append((time.perf_counter() - started) * 1e3)
    cpu_ms = (time.process_time() - cpu) / rounds * 1e3
    times.sort()
    return {
        "median_ms": round(statistics.median(times), 2),
        "p95_ms": round(times[int(len(times) * 0.95)], 2),
        "server_cpu_ms": round(cpu_ms, 2),
    }


async def measure(n_orders: int, rounds: int) -> dict[str, Any]:
    """Figures by what was measured."""
    home = Path(tempfile.mkdtemp(prefix="agentos-bench-"))
    home.chmod(0o711)
    try:
        async with open_test_kernel(home, ("governance",)) as kernel:
            await fill(kernel.database, n_orders)
            return await _measure(kernel, rounds)
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def _measure(kernel: Kernel, rounds: int) -> dict[str, Any]:
    now = SystemClock().now()
    token = (await kernel.tokens.create("bench", Role.WORKER, now=now)).secret
    page = await _call(kernel, token, "list_work_orders", {"ready_only": True})

    def call(tool: str, **arguments: Any) -> Measured:
        return lambda: _call(kernel, token, tool, arguments)

    def sql(**arguments: Any) -> Measured:
        return lambda: find_claimable(kernel.database, now, 51, **arguments)

    cases: dict[str, Measured] = {
        "list ready": call("list_work_orders", ready_only=True),
        "list ready, one role": call("list_work_orders", ready_only=True, role="role8"),
        "list ready, next page": call(
            "list_work_orders", ready_only=True, cursor=page["next_cursor"]
        ),
        "list ready, limit 200": call("list_work_orders", ready_only=True, limit=200),
        "list in_review": call("list_work_orders", state="in_review"),
        "list all": call("list_work_orders"),
        "sql ready": sql(),
        "sql ready, one role": sql(role="role8"),
        "claim by role": call("claim_work_order", role="role8"),
        "claim any": call("claim_work_order"),
    }
    return {name: await _timed(run, rounds) for name, run in cases.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.orders, options.rounds))
    figures |= {"orders": options.orders, "load": round(os.getloadavg()[0], 1)}
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:>24}  {value}")


if __name__ == "__main__":
    main()
