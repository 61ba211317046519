"""Runs the demo for the command line: the stage, the story, and what is printed of it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from agentos.demo.presentation import show_outcome, show_step
from agentos.demo.stage import open_stage
from agentos.demo.steps import Step, StepFailedError, Steps
from agentos.demo.story import play


def run_demo(repo: Path | None, *, as_json: bool, keep: bool) -> int:
    """Play the demo; 0 where every step held, 1 where one did not.

    Steps go to stdout for people; with `as_json` one JSON document does, and steps go to stderr.
    """
    return asyncio.run(_run(repo, as_json=as_json, keep=keep))


async def _run(repo: Path | None, *, as_json: bool, keep: bool) -> int:
    console = Console(stderr=as_json, highlight=False)
    started = time.monotonic()

    def show(step: Step) -> None:
        show_step(console, step)

    steps = Steps(show)
    document: dict[str, Any] = {"ok": False, "repository": None}
    console.print(Text("\n  AgentOS: work orders in, completed and audited work out\n", "bold"))
    try:
        async with open_stage(repo, keep=keep) as stage:
            document["repository"] = stage.source.name
            outcome = await play(stage, steps)
            kept = str(stage.home) if keep else None
        seconds = time.monotonic() - started
        document |= {"ok": True, "kept_in": kept, **asdict(outcome)}
        show_outcome(console, outcome, seconds)
    except* StepFailedError as group:
        failure = _first(group)
        seconds = time.monotonic() - started
        document["error"] = failure.message
        console.print(Text(f"  \u2717 {failure.message}", style="bold red"))
    if as_json:
        document |= {"seconds": round(seconds, 3), "steps": steps.as_json()}
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    return 0 if document["ok"] else 1


def _first(group: BaseExceptionGroup[Any]) -> StepFailedError:
    """The failure inside the groups that the connections' task groups put around it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, StepFailedError)
    return error
