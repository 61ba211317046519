"""How long `trace_symbol_dependencies` walks a graph of 400,000 edges: p50 and p95 in ms.

Usage: python -m bench.trace_latency [--edges N] [--queries N]. The graph is made as
real ones are: calls go mostly within a file and a package, few symbols are called from everywhere,
and a tenth of the methods override others. Each query is a random symbol: its callers, the edges
between the first 50, and the blast radius, as the tool answers them.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable

from agentos_memory.adjacency import Relation
from agentos_memory.blast_radius import blast_radius
from agentos_memory.graph import Definition, SymbolGraph, TracedKind
from agentos_memory.tracing import trace

CALLS: frozenset[TracedKind] = frozenset({"calls"})
EDGES_PER_SYMBOL = 6
SYMBOLS_PER_FILE = 20
FILES_PER_PACKAGE = 15
SHOWN = 50


def synthetic_graph(n_edges: int, *, is_layered: bool, seed: int = 1) -> SymbolGraph:
    """A graph of about the shape of a large Python repository."""
    chance = random.Random(seed)
    n_symbols = n_edges // EDGES_PER_SYMBOL
    package = SYMBOLS_PER_FILE * FILES_PER_PACKAGE
    definitions = [_definition(number, package) for number in range(n_symbols)]
    relations = []
    for _ in range(n_edges):
        source = chance.randrange(n_symbols)
        target = _target(chance, source, n_symbols, is_layered)
        path, line = definitions[source].path, chance.randrange(1, 400)
        if chance.random() < 0.02:
            relations.append(Relation(source, target, "overrides", "exact", path, line, 1.0, "mro"))
        else:
            relations.append(
                Relation(source, target, "calls", "typed", path, line, 0.9, "receiver")
            )
    return SymbolGraph(definitions, relations, [])


def _definition(number: int, package: int) -> Definition:
    folder = "tests" if number % 5 == 0 else f"package_{number // package}"
    name = f"test_{number}" if folder == "tests" else f"function_{number}"
    file = f"{folder}/module_{number // SYMBOLS_PER_FILE}.py"
    line = number % SYMBOLS_PER_FILE * 20 + 1
    qualified = file.removesuffix(".py").replace("/", ".") + "." + name
    return Definition(file, qualified, name, "function", line, line + 15, "")


def _target(chance: random.Random, source: int, n_symbols: int, is_layered: bool) -> int:
    where = chance.random()
    size = SYMBOLS_PER_FILE if where < 0.5 else SYMBOLS_PER_FILE * FILES_PER_PACKAGE
    first = source // size * size
    if where >= 0.85:
        # What everybody calls: the lower the number, the more.
        return int((source if is_layered else n_symbols) * chance.random() ** 4)
    # Most code calls what lies below it; without layers everything reaches everything.
    last = source + 1 if is_layered and chance.random() < 0.98 else first + size
    return min(first + chance.randrange(last - first), n_symbols - 1)


def measure(work: Callable[[int], object], symbols: list[int]) -> tuple[float, float]:
    """p50 and p95 in milliseconds."""
    times = []
    for symbol in symbols:
        began = time.perf_counter()
        work(symbol)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, default=400_000)
    parser.add_argument("--queries", type=int, default=300)
    options = parser.parse_args()
    for is_layered in (True, False):
        print("layered, as code is:" if is_layered else "without layers, the worst case:")
        report(options.edges, options.queries, is_layered=is_layered)


def report(n_edges: int, n_queries: int, *, is_layered: bool) -> None:
    """Print the figures of one graph."""
    graph = synthetic_graph(n_edges, is_layered=is_layered)
    print(f"  {len(graph.definitions)} symbols, {len(graph.edges)} edges")
    symbols = random.Random(2).sample(range(len(graph.definitions)), n_queries)

    def traced(depth: int) -> Callable[[int], object]:
        def run(symbol: int) -> object:
            found = trace(graph, [symbol], direction="callers", kinds=CALLS, depth=depth)
            return found.relations_among(found.first(SHOWN))

        return run

    blast_radius(graph, [0], CALLS)
    for depth in (1, 3, 6):
        middle, high = measure(traced(depth), symbols)
        print(f"  callers, depth {depth}: p50 {middle:.2f} ms, p95 {high:.2f} ms")
    middle, high = measure(lambda symbol: blast_radius(graph, [symbol], CALLS), symbols)
    print(f"  blast radius, any depth: p50 {middle:.2f} ms, p95 {high:.2f} ms")


if __name__ == "__main__":
    main()
