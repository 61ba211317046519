"""Processes that advance a workflow and die one point later each.

    python -m tests.agentos_governance.workflows.crash_process < job

A point is the moment before or after an event is appended, a transaction is committed, an action is
taken outside. The first process completes the work order that the instance waits for and dies at
point 0; the next ones only advance. Prints the point at which each died; the last got through.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from agentos import Settings
from agentos.database.transaction import Transaction
from agentos_governance import plugin as plugin_module
from agentos_governance import sweeper
from agentos_governance.workflows import reactor
from tests.agentos_governance.lifecycle import FakeClock, Office, open_office
from tests.agentos_governance.workflows.chaos_plugin import chaos_plugin

MAX_PROCESSES = 100


class Fuse:
    """Kills the process at the n-th point it passes."""

    def __init__(self, points_left: int, committed: Path) -> None:
        self.points_left = points_left
        self._committed = committed

    def pass_point(self) -> None:
        if self.points_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.points_left -= 1

    def arm(self, owner: Any, name: str) -> None:
        """Let there be a point before and after a function of `owner`."""
        original: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def fused(*arguments: Any, **named: Any) -> Any:
            self.pass_point()
            result = await original(*arguments, **named)
            if name == "commit":
                with self._committed.open("a") as file:
                    file.write(".")
            self.pass_point()
            return result

        setattr(owner, name, fused)


async def _run(job: dict[str, Any], points: int, *, is_first: bool) -> None:
    # Only what this process does on purpose is advanced: neither events nor the sweeper.
    vars(plugin_module)["reaction_to"] = lambda event: None
    vars(sweeper)["STEPS"] = tuple(step for step in sweeper.STEPS if step[0] != "workflows")
    settings = Settings(home=Path(job["home"]), database_url=job["database_url"], plugins=())
    clock = FakeClock(datetime.fromisoformat(job["at"]))
    plugin = chaos_plugin(Path(job["folder"]))
    async with open_office(settings, clock=clock, plugin=plugin, tokens=job["tokens"]) as office:
        if is_first:
            await _complete(office, job["workflow"])
        fuse = Fuse(points, Path(job["folder"], "committed"))
        fuse.arm(Transaction, "append")
        fuse.arm(Transaction, "commit")
        fuse.arm(reactor, "_run_action")
        await reactor.advance(office.kernel, job["workflow"])


async def _complete(office: Office, workflow: str) -> None:
    details = await office.call("planner", "get_workflow", work_order=workflow)
    await office.submit("w1", details["work_orders"][-1]["work_order"])


def main() -> None:
    """Die at one point after the other, from the start again after every commit."""
    job = json.loads(sys.stdin.read())
    committed = Path(job["folder"], "committed")
    points, is_first = 0, True
    for _ in range(MAX_PROCESSES):
        before = committed.stat().st_size if committed.exists() else 0
        child = os.fork()
        if child == 0:
            asyncio.run(_run(job, points, is_first=is_first))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            print(f"through {os.WEXITSTATUS(status)}", flush=True)
            return
        print(f"point {points}", flush=True)
        has_committed = committed.exists() and committed.stat().st_size > before
        points = 0 if has_committed else points + job["stride"]
        is_first = False


if __name__ == "__main__":
    main()
