"""`agentos bench index [PATH]`: prints what the index of a repository takes on this machine.

Above: the command line. Below: the measurements.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from agentos import print_json
from agentos_memory.index_benchmark import MIB, IndexFigures, RunFigures, measure_index

bench_index_command = typer.Typer(add_completion=False)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_TOLD_EVERY_S = 2.0

# From measurements of other tools on Django 5.2 with 2,822 Python files: CPU seconds, MB.
REFERENCES = (
    ("optave codegraph 3.11 (finds 4 % of callers)", 10.5, 477),
    ("colbymchenry codegraph 1.6", 24.8, 1158),
    ("codebase-memory-mcp 0.12, full", 61.6, 6064),
    ("code-review-graph 2.3", 78.0, 647),
    ("GitNexus 1.6", 142.0, 1889),
)


@bench_index_command.command()
def index(
    path: Annotated[Path, typer.Argument(help="Folder with sources.")] = Path(),
    copies: Annotated[
        int, typer.Option(min=1, max=100, help="Index that many copies as one repository.")
    ] = 1,
    embed: Annotated[bool, typer.Option("--embed", help="Make the vectors, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Index a copy of the files at PATH with a database of its own, and say what it took.

    Cold, once more unchanged, and after a change of one file. CPU seconds are those of this
    process, its children and the database. Progress goes to stderr.
    """
    progress = _Progress()
    work = measure_index(path.resolve(), copies=copies, embed=embed, tell=progress.tell)
    figures = asyncio.run(_unless_stopped(work, progress))
    if isinstance(figures, signal.Signals):
        raise typer.Exit(128 + figures)
    if as_json:
        print_json(asdict(figures))
    else:
        print(_report(figures))


class _Progress:
    """Lines on stderr: every step as it begins, and how far it is every few seconds."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()

    def tell(self, step: str, detail: str) -> None:
        """Print it unless the last line is a moment old."""
        now = time.monotonic()
        if detail and now - self._last < _TOLD_EVERY_S:
            return
        self._last = now
        text = f"{step}: {detail}" if detail else step
        print(f"{now - self._began:7.1f} s  {text}", file=sys.stderr, flush=True)


async def _unless_stopped(
    work: Coroutine[Any, Any, IndexFigures], progress: _Progress
) -> IndexFigures | signal.Signals:
    """What the work gives, or the signal that ended it, after it has closed what it opened."""
    task = asyncio.ensure_future(work)
    told: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        # A second Ctrl-C would leave the database running.
        if not told:
            told.append(number)
            progress.tell("stopping", "")
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except BaseException:
        if told:
            return told[0]
        raise
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)


def _report(figures: IndexFigures) -> str:
    skipped = ", ".join(f"{n} {reason}" for reason, n in figures.skipped.items()) or "none"
    sizes = (
        f"{figures.files} files, {figures.functions} functions, {figures.symbols} symbols, "
        f"{figures.edges} edges, {figures.chunks} chunks; skipped: {skipped}"
    )
    process = (
        f"    analysis process: {figures.cold.analysis_cpu_s:.2f} CPU-s, "
        f"{figures.cold.analysis_peak_bytes / MIB:.0f} MiB"
    )
    lines = [
        sizes,
        _line("cold", figures.cold),
        *[
            f"    {stage['stage']:12} {stage['wall_s']:8.2f} s, {stage['cpu_s']:6.2f} CPU-s here"
            for stage in figures.cold.stages
        ],
        process,
        _line("unchanged", figures.unchanged),
        _line("one file", figures.one_file),
        f"    found by search after {figures.one_file_searchable_s:.2f} s",
        f"    that search took {figures.one_file_search_cpu_s:.2f} CPU-s",
    ]
    lines += _first_answers(figures)
    lines.append(
        f"all processes held at most {figures.peak_bytes / MIB:.0f} MiB, with searches, the graph "
        "and what is known beyond the code"
    )
    lines.append("others on Django 5.2, graph alone:")
    lines += [f"    {cpu:6.1f} CPU-s {mb:6} MB  {name}" for name, cpu, mb in REFERENCES]
    return "\n".join(lines)


def _first_answers(figures: IndexFigures) -> list[str]:
    """When each arm of a search answered, from the start of the first run."""
    ready = [("keyword", figures.cold.keyword_ready_s)]
    if figures.names_ready_s is not None and figures.bodies_ready_s is not None:
        ready += [("names", figures.names_ready_s), ("bodies", figures.bodies_ready_s)]
    told = ", ".join(f"{arm} after {seconds:.1f} s" for arm, seconds in ready)
    lines = [f"first answers: {told} (load {figures.load:.1f} at the beginning)"]
    if figures.embedding_cpu_s is not None:
        lines.append(f"    embedding took {figures.embedding_cpu_s:.0f} CPU-s")
    return lines


def _line(name: str, run: RunFigures) -> str:
    return (
        f"{name}: {run.total_cpu_s:.2f} CPU-s ({run.database_cpu_s:.2f} of the database), "
        f"{run.wall_s:.2f} s by the clock, keyword after {run.keyword_ready_s:.2f} s, graph after "
        f"{run.graph_ready_s:.2f} s, at most {run.peak_bytes / MIB:.0f} MiB and "
        f"{run.database_peak_bytes / MIB:.0f} MiB of the database"
    )
