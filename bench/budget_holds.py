"""What layers of budgets cost: holds and settlements through one limit, and through all layers.

    python bench/budget_holds.py [--holds 2000] [--workers 32] [--json]

Both ways run in one process on one embedded database, in turns, with workers at once that all draw
on one work order's budget. CPU is that of PostgreSQL and of this process together (Linux). The ratio is what to quote; absolute times belong to the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from agentos import Database, MigrationSet, Queries
from agentos.database.embedded import EmbeddedPostgres
from agentos.database.migrations import migrate
from agentos_governance.cost.budgets import Budgets, Money
from agentos_governance.cost.budgets import sql as money
from agentos_governance.cost.limits import LAYERS, Limit, LimitTable

ROUNDS = 3
START = datetime(2026, 3, 1, tzinfo=UTC)
_orders = Queries("agentos_governance")
_numbers = itertools.count()
INSERT_ORDER = """
insert into governance.work_order (id, title, objective, phase, role, priority, contract,
       contract_version, created_by, created_at, state)
values ($1, 't', 'o', 'p', 'r', 0, '{}', 'v', 'bench', $2, 'ready')
"""

NO_LAYER = LimitTable(session=(), process=(), person=(), organisation=())
ONE_LAYER = NO_LAYER.model_copy(update={"organisation": (Limit(cap_usd=Decimal(10**6), per_s=60),)})
ALL_LAYERS = LimitTable(
    session=(Limit(cap_usd=Decimal(10**6)),),
    process=(Limit(cap_usd=Decimal(10**6), per_s=60),),
    person=(Limit(cap_usd=Decimal(10**6), per_s=60),),
    organisation=(Limit(cap_usd=Decimal(10**6), per_s=60),),
)


async def _make_order(database: Database, order: str) -> None:
    async with database.connection() as connection:
        await connection.execute(INSERT_ORDER, order, START)
        await connection.execute(_orders.create_budget, order, "1000000")
        await connection.execute(_orders.put_lease, order, "w", 1, 3_600, START)


def _subjects(order: str) -> dict[str, str]:
    named = {"session": f"{order}#1", "process": "w", "person": "ada", "organisation": ""}
    return {layer: named[layer] for layer in LAYERS}


async def _work(database: Database, budgets: Budgets, order: str, numbers: Iterator[int]) -> None:
    for number in numbers:
        at = START + timedelta(milliseconds=number)
        asked = Money(f"{order}-{number}", order, Decimal("0.01"), at, _subjects(order))
        assert await budgets.hold(database, asked, at + timedelta(seconds=60)) is None
        async with database.connection() as connection:
            await connection.execute(money.settle_money, asked.call, "0.005", at)


async def _round(
    database: Database, table: LimitTable, n_holds: int, n_workers: int
) -> tuple[float, float]:
    """Seconds and CPU seconds for one hold with its settlement."""
    order = f"WO-{next(_numbers)}"
    await _make_order(database, order)
    budgets, numbers = Budgets(table), iter(range(n_holds))
    postmaster = await _postmaster(database)
    started, cpu = time.perf_counter(), _cpu_s(postmaster)
    await asyncio.gather(*(_work(database, budgets, order, numbers) for _ in range(n_workers)))
    return (time.perf_counter() - started) / n_holds, (_cpu_s(postmaster) - cpu) / n_holds


def _cpu_s(postmaster: int) -> float:
    """CPU seconds of this process, of our PostgreSQL and of its processes."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = time.process_time()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if postmaster in (int(stat.parent.name), int(fields[1])):
            total += sum(map(int, fields[11:13])) / ticks
    return total


async def _postmaster(database: Database) -> int:
    backend = await database.fetch_value("select pg_backend_pid()")
    stat = Path(f"/proc/{backend}/stat").read_text("utf-8")
    return int(stat.rpartition(")")[2].split()[1])


async def measure(dsn: str, n_holds: int, n_workers: int) -> dict[str, float]:
    """Figures of each way, the median of the rounds, and the ratios."""
    database = Database(dsn, pool_size=n_workers)
    await database.open()
    await migrate(database, [MigrationSet("governance", "agentos_governance")])
    ways = {"no_layer": NO_LAYER, "one_layer": ONE_LAYER, "all_layers": ALL_LAYERS}
    for table in ways.values():
        await _round(database, table, n_holds // 10, n_workers)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, table in ways.items():
            taken[name].append(await _round(database, table, n_holds, n_workers))
    await database.close()
    figures: dict[str, float] = {"holds": n_holds, "workers": n_workers}
    for name, rounds in taken.items():
        seconds = statistics.median(each[0] for each in rounds)
        figures[f"{name}_holds_per_s"] = round(1 / seconds)
        figures[f"{name}_cpu_us_per_hold"] = round(
            statistics.median(each[1] for each in rounds) * 1e6
        )
    for what in ("one_layer", "no_layer"):
        figures[f"cpu_ratio_to_{what}"] = round(
            figures["all_layers_cpu_us_per_hold"] / figures[f"{what}_cpu_us_per_hold"], 2
        )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--holds", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=32, help="workers, and connections")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="agentos-bench-"))
    home.chmod(0o755)
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    try:
        figures = asyncio.run(measure(server.dsn, options.holds, options.workers))
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:>28}  {value}")


if __name__ == "__main__":
    main()
