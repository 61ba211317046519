"""A query with the functions that answer it, and the corpus both belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentos_memory.analysis import analyse_file
from agentos_memory.chunks import source_lines
from agentos_memory.knowledge.history import Commit
from agentos_memory.model import FileAnalysis, Symbol
from agentos_memory.outline import outline
from agentos_memory.python_modules import package_directories
from bench.retrieval.sources import Sources


@dataclass(frozen=True, slots=True)
class Function:
    """One function or method; `code` is its text in the corpus, docstring and all."""

    path: str
    name: str
    local_name: str
    start_line: int
    end_line: int
    code: str

    @property
    def key(self) -> tuple[str, str]:
        """Names it across revisions: path and qualified name within the file."""
        return self.path, self.local_name


@dataclass(frozen=True, slots=True)
class Query:
    """`answers` are the functions that count as found; any of them will do.

    When it was asked, the `n_later_commits` newest of its set's commits were not there yet.
    """

    id: str
    text: str
    answers: Sequence[Function]
    n_later_commits: int = 0


@dataclass(frozen=True, slots=True)
class QuerySet:
    """Queries of one kind over one corpus, whose `commits` led to it, newest first."""

    repository: str
    kind: str
    sources: Sources
    functions: Sequence[Function]
    queries: Sequence[Query]
    commits: Sequence[Commit] = ()


def analyse_sources(sources: Sources) -> list[FileAnalysis]:
    """The analyses of all files that can be analysed, in path order."""
    packages = package_directories(list(sources))
    found = (analyse_file(path, text, package_dirs=packages) for path, text in sources.items())
    return [analysis for analysis in found if isinstance(analysis, FileAnalysis)]


def functions_of(analysis: FileAnalysis, source: bytes) -> list[tuple[Function, Symbol]]:
    """Functions that are not inside another function, with their symbols."""
    lines = source_lines(source)
    return [
        (_function(symbol, analysis.module, lines), symbol)
        for symbol in outline(analysis.symbols)
        if symbol.kind in ("function", "method")
    ]


def _function(symbol: Symbol, module: str, lines: Sequence[str]) -> Function:
    return Function(
        symbol.path,
        symbol.name,
        symbol.qualified_name.removeprefix(module)[1:],
        symbol.start_line,
        symbol.end_line,
        "\n".join(lines[symbol.start_line - 1 : symbol.end_line]),
    )
