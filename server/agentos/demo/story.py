"""The demo, step by step: every step asserts what it shows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from agentos.demo.cast import Cast, open_cast
from agentos.demo.connection import RefusedError
from agentos.demo.preparation import REPO, Setting, find_setting, index_repository, plan_work
from agentos.demo.reviewing import review
from agentos.demo.stage import Stage
from agentos.demo.steps import StepFailedError, Steps
from agentos.demo.working import analyse, begin_and_crash, resume_and_finish


@dataclass(slots=True)
class Outcome:
    """What the demo has to show at the end."""

    index: dict[str, Any]
    work_orders: dict[str, str]
    resume: dict[str, Any]
    packet: dict[str, Any]
    blast_radius: dict[str, Any] | None
    report: dict[str, Any]
    cost: dict[str, Any]
    audit: dict[str, Any]


async def play(stage: Stage, steps: Steps) -> Outcome:
    """Play the whole story on a stage; StepFailedError where something does not hold."""
    async with open_cast(stage) as cast:
        version = cast.planner.protocol_version
        what = f"embedded PostgreSQL, MCP revision {version}"
        steps.hold(version, "agentos", "serves MCP over Streamable HTTP", what)
        index = await index_repository(stage, cast, steps)
        orders = await plan_work(stage, cast, steps)
        setting = await asyncio.to_thread(find_setting, stage.repository)
        await analyse(stage, cast, steps, orders, setting)
        await begin_and_crash(stage, cast, steps, orders, setting)
        resume = await resume_and_finish(stage, cast, steps, orders, setting)
        packet = await review(stage, cast, steps, orders)
        blast_radius = await _blast_radius(cast, setting)
        report = await cast.planner.call("get_work_report", work_order=orders["change"])
        cost = await cast.planner.call("get_cost_report", group_by=["phase", "role", "model"])
        audit = await _audit(stage, cast, steps)
        return Outcome(index, orders, resume, packet, blast_radius, report, cost, audit)


async def _blast_radius(cast: Cast, setting: Setting) -> dict[str, Any] | None:
    """The trace behind the note, for the final picture; None where there is no code."""
    observations = await cast.planner.call("search_observations", query="What depends on", limit=1)
    if not observations["hits"]:
        return None
    symbol = observations["hits"][0]["title"].removeprefix("What depends on ")
    if symbol in setting.files:
        return None
    try:
        return await cast.planner.call(
            "trace_symbol_dependencies", symbol=symbol, direction="callers", depth=2, repo=REPO
        )
    except RefusedError as error:
        raise StepFailedError(f"the blast radius of {symbol} cannot be traced: {error}") from error


async def _audit(stage: Stage, cast: Cast, steps: Steps) -> dict[str, Any]:
    audit = await cast.planner.call("verify_audit")
    code, text = await stage.run_cli("audit", "rebuild", "--check", "--json")
    steps.hold(
        audit["ok"] and code == 0,
        "agentos",
        "the whole log verifies, and the tables equal their rebuild from events",
        f"{audit['events']} events" if code == 0 else text,
    )
    return audit
