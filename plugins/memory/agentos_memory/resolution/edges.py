"""All edges of one file, each once, with the best proof of each.

Above: `resolve`. Below: the writers of calls and of other relations.
"""

from __future__ import annotations

from itertools import chain

from agentos_memory.model import Edge, FileAnalysis, UnresolvedSite
from agentos_memory.resolution.call_edges import CallEdges
from agentos_memory.resolution.certainty import Certainties
from agentos_memory.resolution.evaluation import Evaluator
from agentos_memory.resolution.evidence import in_order
from agentos_memory.resolution.relations import RelationEdges


class EdgeBuilder:
    """Writes the edges of a program, file by file."""

    def __init__(self, evaluator: Evaluator) -> None:
        certainties = Certainties(evaluator)
        self._calls = CallEdges(evaluator, certainties)
        self._relations = RelationEdges(evaluator, certainties)

    @property
    def unresolved(self) -> list[UnresolvedSite]:
        """The open calls of the files asked for so far."""
        return self._calls.unresolved

    def edges_of(self, analysis: FileAnalysis) -> list[Edge]:
        """Every edge whose evidence lies in the file, by line, kind, source and target."""
        calls = self._calls.of(analysis.path, analysis.calls)
        return in_order(chain(self._relations.of(analysis), calls))
