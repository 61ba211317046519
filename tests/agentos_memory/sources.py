"""Small repositories given as text, analysed and resolved for the tests of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent

from agentos_memory.adjacency import Relation
from agentos_memory.analysis import analyse_file
from agentos_memory.definition import Definition
from agentos_memory.graph import SymbolGraph
from agentos_memory.model import Edge, EdgeKind, FileAnalysis, Resolution
from agentos_memory.python_modules import package_directories
from agentos_memory.resolution import resolve


def analyse(path: str, source: str) -> FileAnalysis:
    """The analysis of one dedented source."""
    analysis = analyse_file(path, dedent(source).encode())
    assert isinstance(analysis, FileAnalysis)
    return analysis


def analyse_repository(files: Mapping[str, str]) -> list[FileAnalysis]:
    """The analyses of a repository given as path -> source."""
    packages = package_directories(files)
    analyses = [
        analyse_file(path, dedent(source).encode(), package_dirs=packages)
        for path, source in files.items()
    ]
    return [each for each in analyses if isinstance(each, FileAnalysis)]


def resolve_repository(files: Mapping[str, str]) -> Resolution:
    """The resolved edges of a repository given as path -> source."""
    return resolve(analyse_repository(files))


def edges(
    resolution: Resolution, kind: EdgeKind = "calls", tiers: tuple[str, ...] = ("exact", "typed")
) -> set[tuple[str, str]]:
    """(source, target) of the edges of a kind and some tiers."""
    return {
        (edge.source, edge.target)
        for edge in resolution.edges
        if edge.kind == kind and edge.tier in tiers
    }


def find_edge(resolution: Resolution, source: str, target: str) -> Edge:
    """The first edge between two names; fails the test when there is none."""
    return next(e for e in resolution.edges if (e.source, e.target) == (source, target))


def graph_of(files: Mapping[str, str]) -> SymbolGraph:
    """The resident graph of a repository given as path -> source."""
    analyses = analyse_repository(files)
    resolution = resolve(analyses)
    symbols = [s for each in analyses for s in each.symbols]
    definitions = list(map(Definition.of, symbols))
    positions = {(s.path, s.qualified_name): n for n, s in enumerate(symbols)}
    relations = [
        Relation(
            positions[e.path, e.source], positions[e.target_path, e.target], e.kind, e.tier,
            e.path, e.line, e.confidence, e.rule,
        )
        for e in resolution.edges
    ]  # fmt: skip
    return SymbolGraph(definitions, relations, resolution.unresolved)
