"""`agentos demo`: the main job from start to end, for somebody who wants to see it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    repo: Annotated[
        Path | None,
        typer.Option(
            "--repo",
            metavar="PATH",
            help="Any git repository; it is cloned and only read. Default: AgentOS itself.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on stdout; steps go to stderr.")
    ] = False,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Keep the database, worktrees and evidence, and say where."),
    ] = False,
) -> None:
    """Watch a work order become completed, evidenced, reviewed and costed work.

    Real processes on a clone of a real repository: a worker is refused, killed half-way and
    replaced; the packet verifies offline. Exit code 0 only if every step held.
    """
    from agentos.demo.run import run_demo

    code = run_demo(repo, as_json=as_json, keep=keep)
    if code:
        raise typer.Exit(code)
