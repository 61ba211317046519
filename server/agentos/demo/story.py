"""The demo, step by step: every step asserts what it shows."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos.calls import Role
from agentos.demo import plan
from agentos.demo.actors import WorkerProcess
from agentos.demo.connection import Caller, connect
from agentos.demo.stage import Stage
from agentos.demo.steps import StepFailedError, Steps

REPO = "demo"
LEASE_TTL_S = 5
TAKE_OVER_TIMEOUT_S = 60.0

PLANNER, FIRST, SECOND, REVIEWER = "pia", "ada", "bea", "rob"
LOOK_UPS = ["search_code", "trace_symbol_dependencies", "create_observation"]


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


@dataclass(frozen=True, slots=True)
class Cast:
    """Connections and tokens of the principals."""

    planner: Caller
    reviewer: Caller
    tokens: dict[str, str]


async def play(stage: Stage, steps: Steps) -> Outcome:
    """Play the whole story on a stage; StepFailedError where something does not hold."""
    async with _cast(stage, steps) as cast:
        index = await _index(stage, cast, steps)
        orders = await _plan_work(stage, cast, steps)
        setting = await asyncio.to_thread(_setting, stage.repository)
        await _analyse(stage, cast, steps, orders, setting)
        await _begin_and_crash(stage, cast, steps, orders, setting)
        resume = await _resume_and_finish(stage, cast, steps, orders, setting)
        packet = await _review(stage, cast, steps, orders)
        blast_radius = await _blast_radius(cast, setting)
        report = await cast.planner.call("get_work_report", work_order=orders["change"])
        cost = await cast.planner.call("get_cost_report", group_by=["phase", "role", "model"])
        audit = await _audit(stage, cast, steps)
        return Outcome(index, orders, resume, packet, blast_radius, report, cost, audit)


@asynccontextmanager
async def _cast(stage: Stage, steps: Steps) -> AsyncIterator[Cast]:
    roles = {
        PLANNER: Role.PLANNER,
        FIRST: Role.WORKER,
        SECOND: Role.WORKER,
        REVIEWER: Role.REVIEWER,
    }
    tokens = {name: await stage.token(name, role, person=name) for name, role in roles.items()}
    # The second worker's person with a reviewer's token: the role fits, the person does not.
    tokens["self"] = await stage.token(f"{SECOND}-again", Role.REVIEWER, person=SECOND)
    async with AsyncExitStack() as stack:
        planner = await stack.enter_async_context(connect(stage.url, tokens[PLANNER]))
        reviewer = await stack.enter_async_context(connect(stage.url, tokens[REVIEWER]))
        steps.hold(
            planner.protocol_version,
            "agentos",
            "serves MCP over Streamable HTTP",
            f"embedded PostgreSQL, MCP revision {planner.protocol_version}",
        )
        yield Cast(planner, reviewer, tokens)


async def _index(stage: Stage, cast: Cast, steps: Steps) -> dict[str, Any]:
    index = await cast.planner.call("index_repository", path=str(stage.repository), name=REPO)
    steps.hold(
        index["commit"],
        PLANNER,
        "indexed the repository",
        f"{index['files']} files, {index['symbols']} symbols, {index['edges']} edges, "
        f"{index['chunks']} chunks in {index['seconds']:.1f} s",
    )
    return index


async def _plan_work(stage: Stage, cast: Cast, steps: Steps) -> dict[str, str]:
    async def create(title: str, objective: str, role: str, phase: str, **rest: Any) -> Any:
        return await cast.planner.call(
            "create_work_order",
            title=title,
            objective=objective,
            role=role,
            phase=phase,
            repo=str(stage.repository),
            **rest,
        )

    unreviewed = {"required": False, "quorum": 1, "by": "either"}
    analyse = await create(
        "Analyse the blast radius",
        "Know who depends on the code before it is touched.",
        "analyst",
        "analyse",
        contract={
            "allowed_tools": LOOK_UPS,
            "evidence_required": ["analysis"],
            "cost_budget_usd": "0.25",
            "lease_ttl_s": 60,
            "review": unreviewed,
        },
    )
    change = await create(
        "Write the blast-radius note and its test",
        "A note that cites every caller, and a test that fails when a citation moves.",
        "executor",
        "change",
        depends_on=[analyse["id"]],
        contract={
            "allowed_roots": [f"{plan.FOLDER}/"],
            "allowed_tools": [*LOOK_UPS, "Edit", "Bash"],
            "forbidden_actions": ["git push*"],
            "evidence_required": ["analysis", "test_report"],
            "cost_budget_usd": "0.50",
            "lease_ttl_s": LEASE_TTL_S,
            "review": {"required": True, "quorum": 1, "by": "human"},
        },
    )
    review = await create(
        "Sign off the change",
        "The packet verifies without the server.",
        "reviewer",
        "review",
        depends_on=[change["id"]],
        contract={
            "evidence_required": ["verification"],
            "cost_budget_usd": "0",
            "review": unreviewed,
        },
    )
    states = [order["state"] for order in (analyse, change, review)]
    steps.hold(
        states == ["ready", "blocked", "blocked"],
        PLANNER,
        "planned three work orders, each waiting for the one before",
        " -> ".join(f"{o['id']} {o['phase']}" for o in (analyse, change, review)),
    )
    return {"analyse": analyse["id"], "change": change["id"], "review": review["id"]}


@dataclass(frozen=True, slots=True)
class Setting:
    """What the workers are told about the repository they find."""

    files: list[str]
    query: str
    outside: str


def _setting(repository: Path) -> Setting:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=repository, check=True, capture_output=True
    ).stdout
    names = [
        n for raw in listing.split(b"\0") if (n := raw.decode("utf-8", "replace")).isprintable()
    ]
    names = [name for name in names if name]
    words = Counter(
        word.lower() for name in names for word in re.findall(r"[A-Za-z]{4,}", Path(name).stem)
    )
    query = " ".join(word for word, _ in words.most_common(4) if word not in ("test", "init"))
    return Setting(names[:2_000], query or "main entry point", names[0] if names else "README")


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


async def _analyse(
    stage: Stage, cast: Cast, steps: Steps, orders: dict[str, str], setting: Setting
) -> None:
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


async def _begin_and_crash(
    stage: Stage, cast: Cast, steps: Steps, orders: dict[str, str], setting: Setting
) -> None:
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


async def _resume_and_finish(
    stage: Stage, cast: Cast, steps: Steps, orders: dict[str, str], setting: Setting
) -> dict[str, Any]:
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


async def _review(stage: Stage, cast: Cast, steps: Steps, orders: dict[str, str]) -> dict[str, Any]:
    order = await cast.reviewer.call("get_work_order", work_order=orders["change"])
    vote = {
        "work_order": orders["change"],
        "packet_sha256": order["packet_sha256"],
        "verdict": "approve",
        "reason": "The citations hold and the change stays inside its roots.",
    }
    async with connect(stage.url, cast.tokens["self"]) as own:
        refusal = await own.call_refused("review_work_order", **vote)
    steps.hold(
        refusal is not None and refusal.get("rule") == "four_eyes",
        SECOND,
        "tried to approve its own work with another token: refused",
        str(refusal["message"]) if refusal else "",
    )
    folder = stage.home / "evidence" / orders["change"]
    await _verify_offline(stage, steps, folder, "the packet verifies offline before the vote")
    outcome = await cast.reviewer.call("review_work_order", **vote)
    steps.hold(
        outcome["state"] == "completed",
        REVIEWER,
        "approved exactly the packet that was reviewed",
        f"sha256 {order['packet_sha256'][:16]}...",
    )
    await cast.planner.call("get_work_report", work_order=orders["change"])
    verified = await _verify_offline(stage, steps, folder, "the final packet, votes included, too")
    await _sign_off(cast, steps, orders, verified)
    return {"sha256": order["packet_sha256"], "final_sha256": verified["sha256"], "verified": True}


async def _verify_offline(stage: Stage, steps: Steps, folder: Path, what: str) -> dict[str, Any]:
    code, text = await stage.run_cli("evidence", "verify", str(folder), "--json")
    verified: dict[str, Any] = json.loads(text) if code in (0, 4) else {}
    steps.hold(
        code == 0 and verified.get("ok"),
        REVIEWER,
        what,
        f"Ed25519 signature and {verified.get('files', 0)} files checked, no server asked"
        if code == 0
        else text,
    )
    return verified


async def _sign_off(
    cast: Cast, steps: Steps, orders: dict[str, str], verified: dict[str, Any]
) -> None:
    await cast.reviewer.call("claim_work_order", work_order=orders["review"])
    await cast.reviewer.call(
        "record_evidence",
        work_order=orders["review"],
        kind="verification",
        claim="The packet of the change verifies offline",
        content=json.dumps(verified),
    )
    submitted = await cast.reviewer.call(
        "submit_work_order", work_order=orders["review"], summary="Signed off."
    )
    steps.hold(submitted["state"] == "completed", REVIEWER, "signed off: all work is completed")


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
    except Exception as error:
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
