"""What language servers add to the symbol graph in the background, and what it takes.

    python -m bench.callers.refinement truth/click.json ~/src/click --server pyright=/usr/bin/pyright-langserver

A copy of the repository is indexed with a database of its own and refined until nothing waits.
Prints the accuracy of callers before and after, and how long the server was asked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import agentos_memory.plugin
from agentos import CallRequest, Credentials, Git, Kernel, Settings, open_kernel
from agentos.testing import AllowEverything
from agentos_memory.graph import SymbolGraph
from agentos_memory.memory import Memory
from bench.callers.definitions import SKIPPED_FOLDERS
from bench.callers.run import COUNTED_KINDS, COUNTED_TIERS, print_table, print_worst
from bench.callers.scoring import Table, score


def callers(graph: SymbolGraph, table: Table, symbol: Mapping[str, Any]) -> list[str]:
    """Ids of the direct callers that the resident graph has."""
    around = [
        position
        for position in graph.members(symbol["file"])
        if graph.definitions[position].name == symbol["name"]
        and graph.definitions[position].start_line <= symbol["name_line"]
        and symbol["name_line"] <= graph.definitions[position].end_line
    ]
    if not around:
        return []
    own = max(around, key=lambda position: graph.definitions[position].start_line)
    return sorted({
        table.at(relation.path, relation.line)
        for position in graph.with_members(own)
        for relation in graph.incoming_of(position)
        if relation.kind in COUNTED_KINDS and relation.tier in COUNTED_TIERS
    })  # fmt: skip


async def measure(truth_path: Path, root: Path, programs: Mapping[str, str], worst: int) -> None:
    """Index, refine, and print the figures of both graphs."""
    truth, table = json.loads(truth_path.read_text()), Table.load(truth_path)
    with tempfile.TemporaryDirectory(prefix="agentos-refinement-") as made:
        tree = Path(made) / root.name
        await asyncio.to_thread(
            shutil.copytree, root, tree, symlinks=True,
            ignore=shutil.ignore_patterns(".git", *SKIPPED_FOLDERS),
        )  # fmt: skip
        # Files that nobody added count too.
        await Git(tree, timeout_s=60.0).run("init", "--quiet")
        settings = Settings(
            home=Path(made) / "home",
            plugins=(),
            language_servers=dict(programs),
            memory={"embedder": {"kind": "none"}},
        )
        plugins = {"memory": agentos_memory.plugin, "allow": AllowEverything()}
        async with open_kernel(settings, extra_plugins=plugins) as kernel:
            await _measure(kernel, tree, truth, table, worst)


async def _measure(
    kernel: Kernel, tree: Path, truth: Mapping[str, Any], table: Table, worst: int
) -> None:
    memory = kernel.service(Memory)
    request = CallRequest("index_repository", {"path": str(tree)}, Credentials(is_local=True), "")
    result = await kernel.dispatch(request)
    if result.is_error:
        raise SystemExit(result.text)
    await _print(memory, truth, table, "before", 0)
    started = time.monotonic()
    await memory.refinement.refine_all()
    (repository,) = await memory.catalog.repositories()
    progress = await memory.refinement.progress(repository)
    print(f"# {time.monotonic() - started:.1f} s, {progress}")
    await _print(memory, truth, table, "after", worst)


async def _print(
    memory: Memory, truth: Mapping[str, Any], table: Table, when: str, worst: int
) -> None:
    (repository,) = await memory.catalog.repositories()
    graph = await memory.catalog.graph(repository)
    given = {symbol["id"]: callers(graph, table, symbol) for symbol in truth["symbols"]}
    groups = score(truth, given, table, "callers")
    n_open = sum(1 for _ in graph.unresolved_sites())
    print_table(f"{truth['repo']}, {when}: {len(graph.edges)} edges, {n_open} open calls", groups)
    print_worst(groups, worst)


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("truth", type=Path)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--server", action="append", required=True, metavar="NAME=PROGRAM")
    parser.add_argument("--worst", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    programs = dict(each.split("=", 1) for each in arguments.server)
    asyncio.run(measure(arguments.truth, arguments.repository.resolve(), programs, arguments.worst))


if __name__ == "__main__":
    main()
