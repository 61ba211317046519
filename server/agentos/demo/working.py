"""The work: analysed, begun, crashed, resumed from the packet by somebody else, submitted."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import time
from pathlib import Path
from typing import Any

from agentos.demo import plan
from agentos.demo.actors import WorkerProcess
from agentos.demo.cast import FIRST, REVIEWER, SECOND, Cast
from agentos.demo.connection import connect
from agentos.demo.preparation import LEASE_TTL_S, REPO, Setting
from agentos.demo.stage import Stage
from agentos.demo.steps import StepFailedError, Steps

TAKE_OVER_TIMEOUT_S = 60.0


def _order(
    stage: Stage, cast: Cast, setting: Setting, who: str, persona: str, plan_name: str, **rest: Any
) -> dict[str, Any]:
    return {
        "url": stage.url,
        "token": cast.tokens[who],
        "claim": {"role": persona},
        "persona": persona,
        "plan": plan_name,
        "repo": REPO,
        "files": setting.files,
        "query": setting.query,
        "outside": setting.outside,
        "wait": False,
        **rest,
    }


async def analyse(
    stage: Stage, cast: Cast, steps: Steps, orders: dict[str, str], setting: Setting
) -> None:
    """The first worker analyses; that makes the change ready."""
    order = _order(stage, cast, setting, FIRST, "analyst", "analyse")
    async with WorkerProcess(order, stage.environment) as worker:
        await worker.event("claimed")
        looked = await worker.event("looked-up")
        await worker.event("recorded")
        await worker.event("spent")
        submitted = (await worker.event("submitted"))["submitted"]
        await worker.end()
    change = await cast.planner.call("get_work_order", work_order=orders["change"])
    steps.hold(
        submitted["state"] == "completed" and change["state"] == "ready",
        FIRST,
        "analysed: searched, traced, recorded evidence; the change is ready now",
        f"search {looked['query']!r}: {looked['hits']} hits, {looked['traced']} traced",
    )


async def begin_and_crash(
    stage: Stage, cast: Cast, steps: Steps, orders: dict[str, str], setting: Setting
) -> None:
    """The first worker begins the change, is refused twice, and is killed half-way."""
    order = _order(stage, cast, setting, FIRST, "executor", "begin")
    async with WorkerProcess(order, stage.environment) as worker:
        claim = (await worker.event("claimed"))["claim"]
        steps.hold(
            Path(claim["workspace"]["path"]).is_dir() and claim["lease"]["epoch"] == 1,
            FIRST,
            "claimed the change: a lease and a git worktree of its own",
            f"epoch 1, {claim['lease']['ttl_s']} s, branch {claim['workspace']['branch']}",
        )
        await worker.event("looked-up")
        inside = (await worker.event("checked"))["verdict"]
        steps.hold(
            inside["verdict"] == "allow", FIRST, "looked before it edited, then edited", plan.NOTE
        )
        for what in ("tried to edit outside its roots", "tried a forbidden command"):
            checked = await worker.event("checked")
            steps.hold(
                checked["verdict"]["verdict"] == "deny",
                FIRST,
                f"{what}: refused",
                f"{checked['verdict']['rule']}: {checked['verdict']['reason']}",
            )
        await worker.event("recorded")
        spent = (await worker.event("spent"))["spent"]
        steps.hold(
            spent["spent_usd"] == spent["entry"]["usd"],
            FIRST,
            "spent tokens, booked from the price table",
            f"{spent['spent_usd']} of {spent['budget_usd']} USD",
        )
        await worker.event("half-way")
        exit_code = await worker.kill()
        steps.hold(exit_code == -signal.SIGKILL, FIRST, "was killed half-way", "SIGKILL")


async def resume_and_finish(
    stage: Stage, cast: Cast, steps: Steps, orders: dict[str, str], setting: Setting
) -> dict[str, Any]:
    """The second worker resumes and submits; the resume packet and how long it took."""
    started = time.monotonic()
    await _wait_until_claimable(cast, orders["change"])
    order = _order(stage, cast, setting, SECOND, "executor", "finish", wait=True)
    async with WorkerProcess(order, stage.environment) as worker:
        claim = (await worker.event("claimed"))["claim"]
        seconds = time.monotonic() - started
        steps.hold(
            claim["lease"]["epoch"] == 2,
            SECOND,
            "claimed it after the lease ended",
            f"epoch 2, {seconds:.1f} s after the crash (lease {LEASE_TTL_S} s)",
        )
        resume = await _compare_packets(stage, cast, steps, orders["change"], claim)
        stale = await _dead_worker_writes(stage, cast, orders["change"])
        steps.hold(
            stale == "lease_lost", FIRST, "could no longer write: fenced off by the epoch", stale
        )
        worker.go()
        await _finish(worker, steps)
    return {**resume, "seconds_after_crash": round(seconds, 3)}


async def _finish(worker: WorkerProcess, steps: Steps) -> None:
    resumed = await worker.event("resumed")
    await worker.event("looked-up")
    steps.hold(
        resumed["attempts"] == 2 and "test_report" in resumed["missing"],
        SECOND,
        "continued from the packet, which says what is still owed",
        f"missing evidence: {', '.join(resumed['missing'])}",
    )
    await worker.event("checked")
    tested = await worker.event("tested")
    steps.hold(tested["exit_code"] == 0, SECOND, "ran a real test as evidence", plan.TEST_COMMAND)
    for _ in range(3):
        await worker.event("recorded")
    await worker.event("spent")
    first = (await worker.event("submitted"))["submitted"]
    failed = [gate for gate in first["gates"] if not gate["passed"]]
    steps.hold(
        first["state"] == "active"
        and [f for g in failed for f in g["findings"] if plan.STRAY in f],
        SECOND,
        "submitted; the gate found what the first worker had left outside the roots",
        failed[0]["findings"][0],
    )
    second = (await worker.event("submitted"))["submitted"]
    steps.hold(
        second["state"] == "in_review" and all(gate["passed"] for gate in second["gates"]),
        SECOND,
        "removed it and submitted again: every gate passed",
        ", ".join(gate["name"] for gate in second["gates"]),
    )
    await worker.end()


async def _wait_until_claimable(cast: Cast, work_order: str) -> None:
    deadline = time.monotonic() + TAKE_OVER_TIMEOUT_S
    while time.monotonic() < deadline:
        page = await cast.planner.call("list_work_orders", ready_only=True, role="executor")
        if any(order["id"] == work_order for order in page["work_orders"]):
            return
        await asyncio.sleep(0.1)
    raise StepFailedError("the dead worker's lease did not end")


async def _compare_packets(
    stage: Stage, cast: Cast, steps: Steps, work_order: str, claim: dict[str, Any]
) -> dict[str, Any]:
    """The packet of the claim against one that another process makes from the events."""
    given = claim["resume_packet"]
    code, text = await stage.run_cli(
        "call",
        "get_resume_packet",
        f"work_order={work_order}",
        "--json",
        token=cast.tokens[REVIEWER],
    )
    regenerated = json.loads(text) if code == 0 else {}
    steps.hold(
        regenerated.get("packet") == given["packet"]
        and hashlib.sha256(given["packet"].encode()).hexdigest() == given["sha256"],
        SECOND,
        "got a resume packet; another process regenerates the same bytes",
        f"sha256 {given['sha256'][:16]}..." if code == 0 else text,
    )
    return {
        "sha256": given["sha256"],
        "regenerated_sha256": regenerated["sha256"],
        "packet": json.loads(given["packet"]),
    }


async def _dead_worker_writes(stage: Stage, cast: Cast, work_order: str) -> str:
    async with connect(stage.url, cast.tokens[FIRST]) as first:
        error = await first.call_refused(
            "record_evidence",
            work_order=work_order,
            kind="analysis",
            claim="I am still here",
            content="no",
        )
    return str(error["code"]) if error else "accepted"
