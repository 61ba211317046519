"""How long `trace_symbol_dependencies` takes over a graph of 400,000 edges: p50 and p95 in ms.

Usage: python -m bench.trace_latency [--edges N] [--queries N]. The graph is made as real ones are:
modules with classes, methods and functions; calls go mostly within a file and a package, few
symbols are called from everywhere, classes inherit and methods override. Measured is the whole
answer of the tool but for the database: the walk, the edges between the symbols shown, the blast
radius at any distance, the wire model and its JSON. No answer is kept from one query to the next.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from agentos_memory.adjacency import Relation
from agentos_memory.blast_radius import prepare
from agentos_memory.definition import Definition
from agentos_memory.graph import SymbolGraph
from agentos_memory.model import EdgeKind
from agentos_memory.tools.code import IndexStateResult
from agentos_memory.tools.graph import Walk, answer_trace
from agentos_memory.tools.named_symbols import Found, SymbolResult, place_of
from agentos_memory.traced_kinds import TracedKind

# How the parts of a program lie above each other: strictly, with some calls back up, or not at all.
Shape: TypeAlias = Literal["strict layers", "layers", "no layers"]
SHAPES: tuple[Shape, ...] = ("strict layers", "layers", "no layers")
CALLS: frozenset[TracedKind] = frozenset({"calls"})
INDEX = IndexStateResult(repo="bench", commit=None, generation=1, stale=False)
EDGES_PER_SYMBOL = 6
# A module, two classes with seven methods each, and functions.
SYMBOLS_PER_FILE = 20
CLASSES = {1: 7, 9: 7}
FILES_PER_PACKAGE = 15
SHOWN = 50
DEPTHS = (1, 3, 6)


def synthetic_graph(n_edges: int, shape: Shape, *, seed: int = 1) -> SymbolGraph:
    """A graph of about the shape of a large Python repository."""
    chance = random.Random(seed)
    n_symbols = n_edges // EDGES_PER_SYMBOL
    definitions = [_definition(number) for number in range(n_symbols)]
    relations = []
    for _ in range(n_edges):
        source = chance.randrange(n_symbols)
        target = _target(chance, source, n_symbols, shape)
        kind = _kind(chance, definitions[source], definitions[target])
        path, line = definitions[source].path, chance.randrange(1, 400)
        relations.append(Relation(source, target, kind, "typed", path, line, 0.9, "receiver"))
    return SymbolGraph(definitions, relations, [])


def _definition(number: int) -> Definition:
    """A file starts with its module; a class stands before its methods."""
    file_number, place = divmod(number, SYMBOLS_PER_FILE)
    is_in_tests = file_number % 5 == 0
    folder = "tests" if is_in_tests else f"package_{file_number // FILES_PER_PACKAGE}"
    name = f"test_{number}" if is_in_tests else f"function_{number}"
    path = f"{folder}/module_{file_number}.py"
    module = path.removesuffix(".py").replace("/", ".")
    line = place * 20 + 1
    if place == 0:
        return Definition(path, module, f"module_{file_number}", "module", 1, 400, "")
    if place in CLASSES:
        return Definition(path, f"{module}.Class{place}", f"Class{place}", "class", line, 400, "")
    owner = next((c for c, size in CLASSES.items() if c < place <= c + size), None)
    kind, scope = ("function", module) if owner is None else ("method", f"{module}.Class{owner}")
    is_test = is_in_tests and place % 2 == 1
    return Definition(path, f"{scope}.{name}", name, kind, line, line + 15, "", is_test)


def _target(chance: random.Random, source: int, n_symbols: int, shape: Shape) -> int:
    where = chance.random()
    size = SYMBOLS_PER_FILE if where < 0.5 else SYMBOLS_PER_FILE * FILES_PER_PACKAGE
    first = source // size * size
    if where >= 0.85:
        # What everybody calls: the lower the number, the more.
        return int((n_symbols if shape == "no layers" else source) * chance.random() ** 4)
    # Most code calls what lies below it; without layers everything reaches everything.
    is_down = shape == "strict layers" or (shape == "layers" and chance.random() < 0.98)
    last = source if is_down and source > first else first + size
    return min(first + chance.randrange(last - first), n_symbols - 1)


def _kind(chance: random.Random, source: Definition, target: Definition) -> EdgeKind:
    if target.kind == "class":
        return "inherits" if source.kind == "class" else "constructs"
    if source.kind == target.kind == "method" and chance.random() < 0.04:
        return "overrides"
    return "references" if chance.random() < 0.05 else "calls"


def samples(graph: SymbolGraph, n_queries: int) -> dict[str, list[int]]:
    """Symbols to ask about, by what they are."""
    chance = random.Random(2)
    n_callers = np.bincount(graph.edges.target, minlength=len(graph.definitions))
    by_callers = np.argsort(-n_callers, kind="stable").tolist()
    by_kind = {
        kind: [p for p, each in enumerate(graph.definitions) if each.kind == kind]
        for kind in ("class", "module")
    }
    groups = {
        "any": range(len(graph.definitions)),
        "hubs": by_callers[: n_queries * 2],
        "leaves": [p for p in by_callers if n_callers[p] <= 1],
        "classes": by_kind["class"],
        "modules": by_kind["module"],
    }
    return {
        name: chance.sample(members, min(n_queries, len(members)))
        for name, members in groups.items()
    }


def answer(graph: SymbolGraph, symbol: int, depth: int) -> str:
    """The answer as JSON."""
    candidate = SymbolResult(repo="bench", **place_of(graph.definitions[symbol]))
    # The tool itself needs the repository only where a language server is asked.
    found = Found(None, graph, [symbol], [candidate])  # type: ignore[arg-type]
    result = answer_trace(INDEX, found, Walk("callers", CALLS, depth, SHOWN))
    return json.dumps(result.model_dump(mode="json", by_alias=True))


def measure(graph: SymbolGraph, symbols: Sequence[int], depth: int) -> str:
    """p50 and p95 in milliseconds, and p50 of CPU time, which other processes do not disturb."""
    times, cpu_times = [], []
    for symbol in symbols:
        began, cpu_began = time.perf_counter(), time.thread_time()
        answer(graph, symbol, depth)
        times.append((time.perf_counter() - began) * 1000)
        cpu_times.append((time.thread_time() - cpu_began) * 1000)
    middle, high = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    return f"{middle:7.2f} {high:7.2f} {statistics.median(cpu_times):7.2f}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, default=400_000)
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    for shape in SHAPES:
        report(options.edges, options.queries, shape)


def report(n_edges: int, n_queries: int, shape: Shape) -> None:
    """Print the figures of one graph."""
    graph = synthetic_graph(n_edges, shape)
    began = time.perf_counter()
    prepare(graph)
    prepared_ms = (time.perf_counter() - began) * 1000
    print(f"{shape}: {len(graph.definitions)} symbols, {len(graph.edges)} edges", end="")
    print(f", prepared once a generation in {prepared_ms:.0f} ms")
    print("  p50, p95, p50 CPU" + "".join(f"{f'depth {depth}':>26}" for depth in DEPTHS))
    for name, symbols in samples(graph, n_queries).items():
        figures = "   ".join(measure(graph, symbols, depth) for depth in DEPTHS)
        print(f"  {name:<18} {figures}")


if __name__ == "__main__":
    main()
