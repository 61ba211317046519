"""`agentos index PATH`: the tool `index_repository` from the command line, with progress.

The command goes through the pipeline like every other caller. Figures go to stdout, progress and
errors to stderr. Search and graph are ready when the summary is printed; then the command waits for
the vectors, which a running server would make as well.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
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
from agentos_memory.code_texts import code_scope
from agentos_memory.embedding_queue import EmbeddingProgress
from agentos_memory.generations import Repository
from agentos_memory.memory import Memory
from agentos_memory.watching import watch_tree

index_command = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class _Wanted:
    path: Path
    name: str | None
    watch: bool
    wait: bool
    skipped: bool
    as_json: bool


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
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until everything has vectors.")
    ] = True,
    skipped: Annotated[
        bool, typer.Option("--skipped", help="List every file that is not indexed, and why.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as one JSON document a run.")
    ] = False,
) -> None:
    """Build or refresh the code index of a git repository; only changed files are read anew."""
    wanted = _Wanted(path.absolute(), name, watch, wait and not watch, skipped, as_json)
    raise typer.Exit(run_with_kernel(local_settings(ctx), partial(_index, wanted=wanted)))


async def _index(kernel: Kernel, wanted: _Wanted) -> int:
    result = await _index_once(kernel, wanted)
    await _print(kernel, result, wanted)
    if result.is_error:
        return exit_code_of(result)
    if wanted.wait:
        await _wait_for_vectors(kernel, result.structured["repo"], wanted)
    if wanted.watch:
        return await _follow(kernel, wanted)
    return 0


async def _follow(kernel: Kernel, wanted: _Wanted) -> int:
    """Refresh at every change until the tree is gone, or a run is refused."""
    root = wanted.path.resolve()
    async for _ in watch_tree(root):
        result = await _index_once(kernel, wanted)
        if result.is_error or _did_something(result.structured):
            await _print(kernel, result, wanted)
        if result.is_error:
            return exit_code_of(result)
    return 0


def _did_something(run: Mapping[str, Any]) -> bool:
    return bool(run["changed"] or run["removed"])


async def _index_once(kernel: Kernel, wanted: _Wanted) -> ToolResult:
    with _progress() as bar:
        task = bar.add_task("reading", total=100)

        async def report(done: float, total: float | None, message: str) -> None:
            bar.update(task, completed=done, total=total, description=message)

        name = {"name": wanted.name} if wanted.name is not None else {}
        return await kernel.dispatch(
            CallRequest(
                tool="index_repository",
                arguments={"path": str(wanted.path)} | name,
                credentials=Credentials(bearer_token=kernel.settings.token, is_local=True),
                edge="cli",
                progress=report,
            )
        )


async def _wait_for_vectors(kernel: Kernel, name: str, wanted: _Wanted) -> None:
    memory = kernel.service(Memory)
    if memory.embedding_models.settings.kind == "none":
        return
    repository = await _repository(memory, name)
    with _progress() as bar:
        task = bar.add_task("embedding", total=1)

        async def report(progress: EmbeddingProgress) -> None:
            done = progress.names_done + progress.bodies_done
            total = progress.names_total + progress.bodies_total
            bar.update(task, completed=done, total=max(total, 1))

        progress = await memory.embedding_queue.wait(code_scope(repository.id), report)
    if progress.failure is not None:
        print(f"agentos: some texts have no vectors: {progress.failure}", file=sys.stderr)
    elif not wanted.as_json:
        print(f"  {progress.names_done} names and {progress.bodies_done} bodies have vectors")


async def _repository(memory: Memory, name: str) -> Repository:
    return (await memory.catalog.select(name))[0]


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


async def _print(kernel: Kernel, result: ToolResult, wanted: _Wanted) -> None:
    if result.is_error:
        if wanted.as_json:
            print(canonical_json(dict(result.structured)).decode(), flush=True)
        print(f"agentos: {result.text}", file=sys.stderr)
        return
    skipped = []
    if wanted.skipped:
        memory = kernel.service(Memory)
        repository = await _repository(memory, result.structured["repo"])
        skipped = await memory.catalog.skipped_files(repository)
    if wanted.as_json:
        listed = {"all_skipped_files": [asdict(file) for file in skipped]} if wanted.skipped else {}
        print(canonical_json(dict(result.structured) | listed).decode(), flush=True)
        return
    print(_summary(result.structured), flush=True)
    for file in skipped:
        print(f"    {file.reason:18} {file.path}: {file.detail}")


def _summary(run: Mapping[str, Any]) -> str:
    commit = run["commit"][:12] if run["commit"] else "no commit yet"
    sizes = ", ".join(f"{run[what]} {what}" for what in ("files", "symbols", "edges", "chunks"))
    steps = ", ".join(f"{run[what]} {what}" for what in ("changed", "unchanged", "removed"))
    lines = [
        f"{run['repo']} at {commit}, generation {run['generation']}",
        f"  {sizes} in {run['seconds']:.1f} s",
        f"  {steps}",
    ]
    if run["skipped"]:
        skipped = ", ".join(f"{n} {reason}" for reason, n in run["skipped"].items())
        lines.append(f"  left out: {skipped}")
    return "\n".join(lines)
