"""Before the work: the index, the setting that workers find, and the work graph."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos.demo import plan
from agentos.demo.cast import PLANNER, Cast
from agentos.demo.stage import Stage
from agentos.demo.steps import Steps

REPO = "demo"
LEASE_TTL_S = 5
LOOK_UPS = ["search_code", "trace_symbol_dependencies", "create_observation"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What the workers are told about the repository they find."""

    files: list[str]
    query: str
    outside: str


def find_setting(repository: Path) -> Setting:
    """The tracked files, a query made of the commonest words in their names, and one file to covet."""
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


async def index_repository(stage: Stage, cast: Cast, steps: Steps) -> dict[str, Any]:
    """The planner indexes the clone."""
    index = await cast.planner.call("index_repository", path=str(stage.repository), name=REPO)
    steps.hold(
        index["commit"],
        PLANNER,
        "indexed the repository",
        f"{index['files']} files, {index['symbols']} symbols, {index['edges']} edges, "
        f"{index['chunks']} chunks in {index['seconds']:.1f} s",
    )
    return index


async def plan_work(stage: Stage, cast: Cast, steps: Steps) -> dict[str, str]:
    """Three work orders, each waiting for the one before; their ids by phase."""

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
