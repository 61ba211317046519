"""How right the symbol graph is about callers and callees, against truth from language servers.

    python -m bench.callers.run truth/click.json ~/src/click [--worst 20] [--answers out.json]

The repository is analysed and resolved in this process; only `exact` and `typed` edges count as
answers. Prints the figures per stratum and the CPU time that analysis and resolution took.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentos_memory.analysis import analyse_file
from agentos_memory.languages import LANGUAGES
from agentos_memory.model import Edge, FileAnalysis, Resolution
from agentos_memory.python_modules import package_directories
from agentos_memory.resolution import resolve
from bench.callers.definitions import source_paths
from bench.callers.scoring import HEAD, Mode, Summary, Table, score

COUNTED_TIERS = frozenset({"exact", "typed"})
COUNTED_KINDS = frozenset({"calls", "constructs"})


def analyse_tree(root: Path) -> list[FileAnalysis]:
    """Every file of the tree that a language claims."""
    paths = source_paths(root, [language.name for language in LANGUAGES])
    packages = package_directories(paths)
    found = (analyse_file(p, (root / p).read_bytes(), package_dirs=packages) for p in paths)
    return [each for each in found if isinstance(each, FileAnalysis)]


class Answers:
    """What the graph says about the symbols of a truth file."""

    def __init__(
        self, analyses: Sequence[FileAnalysis], resolution: Resolution, table: Table
    ) -> None:
        self._table = table
        self._incoming: dict[tuple[str, str], list[Edge]] = defaultdict(list)
        self._outgoing: dict[str, list[Edge]] = defaultdict(list)
        for edge in resolution.edges:
            if edge.kind in COUNTED_KINDS and edge.tier in COUNTED_TIERS:
                self._incoming[edge.target_path, edge.target].append(edge)
                # Whoever is constructed is named by the class; truth has it once.
                if edge.rule != "constructor":
                    self._outgoing[edge.path].append(edge)
        self._symbols = {a.path: a.symbols for a in analyses}
        self._lines = {(s.path, s.qualified_name): s.name_line for a in analyses for s in a.symbols}

    def of(self, symbol: Mapping[str, Any], mode: Mode) -> list[str]:
        """Ids of callers or callees."""
        return sorted(set(self._callers(symbol) if mode == "callers" else self._callees(symbol)))

    def _callers(self, symbol: Mapping[str, Any]) -> Iterator[str]:
        for path, name in self._names(symbol):
            for edge in self._incoming.get((path, name), ()):
                yield self._table.at(edge.path, edge.line)

    def _callees(self, symbol: Mapping[str, Any]) -> Iterator[str]:
        own = self._table.fold(symbol["id"])
        for edge in self._outgoing.get(symbol["file"], ()):
            if self._table.at(edge.path, edge.line) == own:
                line = self._lines.get((edge.target_path, edge.target))
                if line is not None:
                    yield self._table.named_at(edge.target_path, line)

    def _names(self, symbol: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The symbol's name in the graph."""
        path = symbol["file"]
        around = [
            s
            for s in self._symbols.get(path, ())
            if s.name == symbol["name"] and s.start_line <= symbol["name_line"] <= s.end_line
        ]
        if not around:
            return []
        own = max(around, key=lambda s: s.start_line).qualified_name
        return [(path, own)]


def print_table(title: str, groups: Mapping[str, Summary]) -> None:
    """The figures of one mode."""
    print(f"# {title}\n{HEAD}")
    for name, summary in groups.items():
        print(f"{name:18} {summary.row()}")


def print_worst(groups: Mapping[str, Summary], count: int) -> None:
    """The symbols whose answers differ most from the truth."""
    scores = [s for name in ("functions+methods", "classes") if name in groups
              for s in groups[name].scores]  # fmt: skip
    for each in sorted(scores, key=lambda s: -(s.fp + len(s.missed)))[:count]:
        if each.fp or each.missed:
            print(f"{each.id} [{each.stratum}] truth {each.n_truth} tp {each.tp} fp {each.fp}")
            print("   missed", *each.missed[:6])
            print("   wrong ", *each.wrong[:6])


def main() -> None:
    """Answer and score from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("truth", type=Path)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--worst", type=int, default=0, metavar="N")
    parser.add_argument("--answers", type=Path, help="write the callers as JSON")
    arguments = parser.parse_args()
    truth = json.loads(arguments.truth.read_text())
    table = Table.load(arguments.truth)
    started = time.process_time()
    analyses = analyse_tree(arguments.repository.resolve())
    analysed = time.process_time()
    resolution = resolve(analyses)
    print(
        f"{len(analyses)} files, analysis {analysed - started:.2f} CPU-s, "
        f"resolution {time.process_time() - analysed:.2f} CPU-s"
    )
    answers = Answers(analyses, resolution, table)
    modes: tuple[Mode, ...] = ("callers", "callees")
    for mode in modes:
        given = {symbol["id"]: answers.of(symbol, mode) for symbol in truth["symbols"]}
        groups = score(truth, given, table, mode)
        print_table(f"{truth['repo']}, {mode}, against {truth['oracle']}", groups)
        print_worst(groups, arguments.worst)
        if mode == "callers" and arguments.answers is not None:
            arguments.answers.write_text(json.dumps(given, indent=1))


if __name__ == "__main__":
    main()
