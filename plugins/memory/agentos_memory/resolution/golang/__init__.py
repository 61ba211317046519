"""Resolution of Go: static types instead of the flow-insensitive values of other languages.

`resolve_go` is the way in. Inside, `packages` links files to packages with their `declarations`,
`imports` finds packages, `reading` reads types, `members` looks selectors up, `evaluation` types
expressions with the help of `generics` and `standard`, `satisfaction` compares method sets with
interfaces, `variants` finds what other systems declare, and `edges` writes it down.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentos_memory.model import Edge, FileAnalysis, UnresolvedSite
from agentos_memory.resolution.golang.edges import EdgeBuilder
from agentos_memory.resolution.golang.evaluation import Evaluator
from agentos_memory.resolution.golang.imports import PackageImports
from agentos_memory.resolution.golang.members import Members
from agentos_memory.resolution.golang.packages import Packages
from agentos_memory.resolution.golang.reading import Reader
from agentos_memory.resolution.golang.satisfaction import Satisfactions
from agentos_memory.resolution.golang.variants import Variants

GO_LANGUAGES = frozenset({"go", "go-module"})

__all__ = ["GO_LANGUAGES", "resolve_go"]


def resolve_go(analyses: Sequence[FileAnalysis]) -> tuple[list[Edge], list[UnresolvedSite]]:
    """Edges between the Go symbols of all files, and the calls that stayed open.

    `analyses` are those of the languages in `GO_LANGUAGES`. Neither list is sorted, and an edge
    may come twice.
    """
    ordered = sorted(analyses, key=lambda each: each.path)
    packages = Packages(each for each in ordered if each.language == "go")
    imports = PackageImports(packages, (a for a in ordered if a.language == "go-module"))
    reader = Reader(imports)
    members = Members(reader)
    variants = Variants(packages)
    builder = EdgeBuilder(packages, variants, imports, reader, Evaluator(reader, members))
    edges = [edge for file in packages.files.values() for edge in builder.edges_of(file)]
    edges += variants.edges()
    for found in Satisfactions(members, packages).find():
        edges += builder.satisfied(found)
    return edges, builder.unresolved
