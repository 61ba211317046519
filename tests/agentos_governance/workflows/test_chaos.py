"""Issue 3: servers and workers killed at random points of a running graph of twenty orders."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agentos import Role, Settings, SystemClock, open_kernel
from tests.agentos_governance.lifecycle import Office
from tests.agentos_governance.workflows.chaos_plugin import STATES, chaos_plugin
from tests.agentos_governance.workflows.chaos_process import N_RECORDS
from tests.agentos_governance.workflows.crew import Crew, a_crew
from tests.agentos_governance.workflows.driving import start

pytestmark = pytest.mark.anyio

CONTRACT: Mapping[str, Any] = {
    "allowed_tools": ["*"],
    "lease_ttl_s": 2,
    "review": {"required": False},
}
REVIEWED = {**CONTRACT, "review": {"required": True}}
CREW = ("server", "server", "worker", "worker", "worker", "reviewer")
N_ORDERS = 20
N_ANSWERS = 180
"""Fewer than a run without kills gets, so that the kills are over before the work is."""


async def make_graph(office: Office) -> list[str]:
    """Three workflows of five orders and five orders that wait for them and for each other."""
    roots = [(await start(office, "chaos", contract=CONTRACT))["id"] for _ in range(3)]

    async def order(title: str, contract: Mapping[str, Any], *depends_on: str) -> str:
        made = await office.call(
            "planner",
            "create_work_order",
            title=title,
            objective=f"Do {title}",
            contract=dict(contract),
            depends_on=list(depends_on),
        )
        return str(made["id"])

    first = await order("first", CONTRACT)
    second = await order("second", REVIEWED, first)
    third = await order("third", CONTRACT, first, roots[0])
    fourth = await order("fourth", REVIEWED, roots[1], second)
    await order("fifth", CONTRACT, third, fourth, roots[2])
    return roots


async def run_with_kills(
    settings: Settings, tmp_path: Path, n_kills: int, seed: int
) -> tuple[list[dict[str, Any]], Counter[str], float]:
    """The acknowledged lines, who was killed how often, and the seconds it took."""
    folder = tmp_path / "crew"
    folder.mkdir()
    names = [f"{role}{number}" for number, role in enumerate(CREW)]
    async with open_kernel(
        settings.model_copy(update={"plugins": ("governance",)}),
        extra_plugins={"chaos": chaos_plugin(folder)},
    ) as kernel:
        office = Office(kernel, SystemClock())  # type: ignore[arg-type]
        await office.join("planner", Role.PLANNER)
        for name in names:
            if not name.startswith("server"):
                role = Role.WORKER if name.startswith("worker") else Role.REVIEWER
                await office.join(name, role)
        await make_graph(office)
    started = time.monotonic()
    with a_crew(settings, folder, office.tokens) as crew:
        killed = await _kill_at_random(settings, folder, crew, names, n_kills, seed)
    elapsed_s = time.monotonic() - started
    return [json.loads(line) for line in _lines(folder / "log")], killed, elapsed_s


async def _kill_at_random(
    settings: Settings, folder: Path, crew: Crew, names: list[str], n_kills: int, seed: int
) -> Counter[str]:
    """Start everybody, and kill somebody every few answers until everything is complete."""
    rng, killed = random.Random(seed), Counter[str]()
    due = sorted(rng.choices(range(1, N_ANSWERS), k=n_kills))
    connection = await asyncpg.connect(settings.database_url)
    for name in names:
        crew.start(name)
    try:
        async with asyncio.timeout(300 + 15 * n_kills):
            while await connection.fetchval(OPEN_ORDERS, N_ORDERS):
                if due and _n_lines(folder / "log") >= due[0]:
                    del due[0]
                    # Anywhere between two answers, not at the moment of one.
                    await asyncio.sleep(rng.uniform(0, 0.1))
                    role = rng.choice(("server", "server", "worker", "worker", "reviewer"))
                    victim = rng.choice([name for name in names if name.startswith(role)])
                    crew.kill(victim)
                    crew.start(victim)
                    killed[role] += 1
                await asyncio.sleep(0.01)
    finally:
        await connection.close()
    return killed


OPEN_ORDERS = "select $1 - count(*) from governance.work_order where state = 'completed'"


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def _n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


async def _check(settings: Settings, tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    """All complete, nothing acknowledged is lost, nothing was done twice."""
    async with open_kernel(
        settings.model_copy(update={"plugins": ("governance",)}),
        extra_plugins={"chaos": chaos_plugin(tmp_path)},
    ) as kernel:
        office = Office(kernel, SystemClock())  # type: ignore[arg-type]
        await office.join("planner", Role.PLANNER)
        fetch = kernel.database.fetch
        orders = {r["id"]: r for r in await fetch("select * from governance.work_order")}
        assert len(orders) == N_ORDERS
        assert {row["state"] for row in orders.values()} == {"completed"}
        evidence = {r["id"]: r for r in await fetch("select * from governance.evidence")}
        recorded = [line for line in lines if "recorded" in line]
        for line in recorded:
            row = evidence[line["evidence"]]
            assert (row["work_order"], row["claim"]) == (line["recorded"], f"step {line['step']}")
        steps = Counter((row["work_order"], row["claim"]) for row in evidence.values())
        workflows = await fetch("select * from governance.workflow")
        leaves = orders.keys() - {row["id"] for row in workflows}
        assert set(steps.values()) == {1}
        assert steps.keys() == {(o, f"step {n}") for o in leaves for n in range(N_RECORDS)}
        claims = await fetch("select work_order, epoch from governance.claim")
        epochs = {(row["work_order"], row["epoch"]) for row in claims}
        assert {(x["claimed"], x["epoch"]) for x in lines if "claimed" in x} <= epochs
        ended = await office.events(type="work_order.completed")
        assert Counter(e["data"]["work_order"] for e in ended) == dict.fromkeys(orders, 1)
        submitted = {line["submitted"]: line["packet"] for line in lines if "submitted" in line}
        assert all(orders[order]["packet_sha256"] == packet for order, packet in submitted.items())
        await _check_workflows(office, tmp_path / "crew" / "deployed")
        await office.assert_consistent()


async def _check_workflows(office: Office, deployed: Path) -> None:
    workflows = await office.kernel.database.fetch("select * from governance.workflow")
    assert {row["status"] for row in workflows} == {"completed"}
    every = {(row["id"], state) for row in workflows for state in STATES}
    made = await office.events(type="workflow.order_created")
    assert Counter((e["data"]["workflow"], e["data"]["state"]) for e in made) == dict.fromkeys(
        every, 1
    )
    # Inside the transaction: exactly once. Outside: recorded once, done at least once.
    inside = await office.events("things")
    booked = Counter((e["data"]["workflow"], e["data"]["text"]) for e in inside)
    assert booked == dict.fromkeys(every, 1)
    taken = await office.events(type="workflow.step_taken")
    steps = Counter((e["data"]["workflow"], e["data"]["step"]) for e in taken)
    assert set(steps.values()) == {1} and len(steps) == 2 * len(every)
    assert {tuple(line.split()) for line in _lines(deployed)} == every


@pytest.mark.parametrize(
    "n_kills", [5, pytest.param(100, marks=pytest.mark.nightly)], ids=["5", "100"]
)
async def test_a_graph_of_twenty_orders_completes_whoever_is_killed_and_loses_nothing(
    settings: Settings, tmp_path: Path, n_kills: int
) -> None:
    lines, killed, elapsed_s = await run_with_kills(settings, tmp_path, n_kills, seed=20)
    print(f"{killed.total()} kills ({dict(killed)}), {len(lines)} answers, {elapsed_s:.1f} s")
    assert killed.total() == n_kills
    await _check(settings, tmp_path, lines)
