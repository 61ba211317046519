"""`agentos index PATH`: the tool `index_repository` from the command line, with progress.

The command goes through the pipeline like every other caller. Figures go to stdout, progress and
errors to stderr.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from agentos import (
    CallRequest,
    Credentials,
    Kernel,
    ToolResult,
    canonical_json,
    exit_code_of,
    local_settings,
    run_with_kernel,
)
from agentos_memory.git_files import list_files, open_work_tree
from agentos_memory.languages import find_language

POLL_INTERVAL_S = 1.0

index_command = typer.Typer(add_completion=False)


@index_command.command()
def index(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="Folder of a git repository.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="REPO", help="Name to index it under.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh the index whenever a file changes.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as one JSON document a run.")
    ] = False,
) -> None:
    """Build or refresh the code index of a git repository; only changed files are read anew."""
    work = partial(_index, path=path.absolute(), name=name, watch=watch, as_json=as_json)
    raise typer.Exit(run_with_kernel(local_settings(ctx), work))


async def _index(
    kernel: Kernel, path: Path, name: str | None, *, watch: bool, as_json: bool
) -> int:
    while True:
        seen = await _fingerprint(path) if watch else None
        result = await _index_once(kernel, path, name)
        _print(result, as_json=as_json)
        if result.is_error or not watch:
            return exit_code_of(result)
        await _wait_for_change(path, seen)


async def _wait_for_change(path: Path, seen: bytes | None) -> None:
    while True:
        await asyncio.sleep(POLL_INTERVAL_S)
        if await _fingerprint(path) != seen:
            return


async def _index_once(kernel: Kernel, path: Path, name: str | None) -> ToolResult:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=100)

        async def report(done: float, total: float | None, message: str) -> None:
            bar.update(task, completed=done, total=total, description=message)

        arguments = {"path": str(path)} | ({"name": name} if name is not None else {})
        return await kernel.dispatch(
            CallRequest(
                tool="index_repository",
                arguments=arguments,
                credentials=Credentials(bearer_token=kernel.settings.token, is_local=True),
                edge="cli",
                progress=report,
            )
        )


async def _fingerprint(path: Path) -> bytes:
    """Changes whenever a file that an index would read was written, added or removed."""
    tree = await open_work_tree(str(path))
    paths = [p for p in (await list_files(tree)).paths if find_language(p) is not None]

    def stat_all() -> bytes:
        times = []
        for each in paths:
            try:
                status = os.lstat(tree.root / each)
            except OSError:
                continue
            times.append([each, str(status.st_mtime_ns), status.st_size])
        return canonical_json([tree.commit, times])

    return await asyncio.to_thread(stat_all)


def _print(result: ToolResult, *, as_json: bool) -> None:
    if as_json:
        print(canonical_json(dict(result.structured)).decode(), flush=True)
    if result.is_error:
        print(f"agentos: {result.text}", file=sys.stderr)
    elif not as_json:
        print(_summary(result.structured), flush=True)


def _summary(run: Mapping[str, Any]) -> str:
    commit = run["commit"][:12] if run["commit"] else "no commit yet"
    sizes = ", ".join(f"{run[what]} {what}" for what in ("files", "symbols", "edges", "chunks"))
    steps = ", ".join(
        f"{run[what]} {what}" for what in ("changed", "unchanged", "removed", "embedded")
    )
    lines = [
        f"{run['repo']} at {commit}, generation {run['generation']}",
        f"  {sizes} in {run['seconds']:.1f} s",
        f"  {steps}",
    ]
    if run["skipped"]:
        skipped = ", ".join(f"{n} {reason}" for reason, n in run["skipped"].items())
        lines.append(f"  left out: {skipped}")
    return "\n".join(lines)
