"""A server process that dies: runs calls through a kernel and kills itself at a chosen moment.

    python -m tests.agentos_governance.lifecycle_process < jobs.json

Every job is a forked process of its own, so that the imports are paid once. It prints a line for
every call that was answered; the parent prints how the job ended.
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
from agentos_governance.evidence.blobs import DirectoryBlobs
from agentos_governance.review import submission
from agentos_governance.workspace import preparation
from tests.agentos_governance.lifecycle import FakeClock, Office, open_office
from tests.agentos_governance.lifecycle_plugin import LifecyclePlugin


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dies_after(owner: Any, name: str) -> None:
    """Replace an async function by one that kills the process when it has done its work."""
    original: Callable[..., Awaitable[Any]] = getattr(owner, name)

    async def deadly(*arguments: Any, **named: Any) -> Any:
        result = await original(*arguments, **named)
        _die()
        return result

    setattr(owner, name, deadly)


def _dies_before(owner: Any, name: str) -> None:
    async def deadly(*arguments: Any, **named: Any) -> None:
        _die()

    setattr(owner, name, deadly)


def _dies_after_plain(owner: Any, name: str) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    def deadly(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        _die()
        return result

    setattr(owner, name, deadly)


def arm(fault: str, office: Office, plugin: LifecyclePlugin) -> None:
    """Let the process die at a moment of the next call."""
    kernel = office.kernel
    faults: dict[str, Callable[[], None]] = {
        "before the record": lambda: _dies_before(kernel.recorder, "allowed"),
        "before the body": lambda: _dies_after(kernel.recorder, "allowed"),
        "after the worktree": lambda: _dies_after(preparation, "ensure_worktree"),
        "after the blob": lambda: _dies_after_plain(DirectoryBlobs, "put"),
        "in a gate": lambda: setattr(plugin.probe, "in_gate", _die),
        "after the packet": lambda: _dies_after(submission, "store_packet"),
        "inside the transaction": lambda: _dies_after(Transaction, "append"),
        "before the commit": lambda: _dies_before(Transaction, "commit"),
        "after the commit": lambda: _dies_after(kernel.recorder, "finished"),
    }
    faults[fault]()


async def _run(job: dict[str, Any]) -> None:
    settings = Settings(home=Path(job["home"]), database_url=job["database_url"], plugins=())
    plugin = LifecyclePlugin()
    clock = FakeClock(datetime.fromisoformat(job["at"]))
    async with open_office(settings, clock=clock, plugin=plugin, tokens=job["tokens"]) as office:
        for call in job["calls"]:
            if call.get("fault"):
                arm(call["fault"], office, plugin)
            result = await office.dispatch(
                call["who"], call["tool"], call["arguments"], key=call.get("key")
            )
            print(json.dumps({"answer": dict(result.structured)}), flush=True)


def main() -> None:
    """Run the jobs of standard input, one after another."""
    for job in json.load(sys.stdin):
        child = os.fork()
        if child == 0:
            asyncio.run(_run(job))
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"job": job["name"], "signal": os.WTERMSIG(status)}), flush=True)


if __name__ == "__main__":
    main()
