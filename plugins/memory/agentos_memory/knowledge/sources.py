"""One file as extractors see it: its path, its bytes, and its syntax tree where asked for.

Above: extractors. Below: the grammars, each loaded once per process.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TypeAlias

import tree_sitter_hcl
import tree_sitter_python
import tree_sitter_yaml
from tree_sitter import Language, Node, Parser

from agentos_memory.knowledge.model import Extraction
from agentos_memory.yaml_nesting import require_shallow


@dataclass
class SourceFile:
    """A file of a repository. Trees are made on demand and shared by the extractors."""

    path: str
    content: bytes

    @cached_property
    def text(self) -> str:
        """The content as text; what is not UTF-8 is replaced, line ends stay."""
        return self.content.decode("utf-8", "replace")

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The path without its last part; "" at the top."""
        return self.path.rpartition("/")[0]

    @cached_property
    def python(self) -> Node:
        """Root of the Python syntax tree."""
        return _parse("python", self.content)

    @cached_property
    def yaml(self) -> Node:
        """Root of the YAML syntax tree; RecursionError for one that must not be parsed."""
        require_shallow(self.content)
        return _parse("yaml", self.content)

    @cached_property
    def hcl(self) -> Node:
        """Root of the HCL syntax tree."""
        return _parse("hcl", self.content)

    def line_at(self, offset: int) -> int:
        """The line of a position in `text`."""
        return bisect_right(self._line_starts, offset)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]


Claim: TypeAlias = Callable[[str], bool]
Extract: TypeAlias = Callable[[SourceFile], Extraction]


@dataclass(frozen=True, slots=True)
class KnowledgeExtractor:
    """One kind of source: which paths it claims, and a pure function from a file to what it says.

    `version` is part of what is stored: raise it when the answers change. `needles` are bytes of
    which one must stand in the file, empty for no such condition; checked before anything is
    parsed.
    """

    name: str
    version: int
    claims: Claim
    extract: Extract
    needles: tuple[bytes, ...] = field(default=())

    def concerns(self, file: SourceFile) -> bool:
        """Whether the file may hold something for this extractor."""
        return self.claims(file.path) and (
            not self.needles or any(needle in file.content for needle in self.needles)
        )


@cache
def grammar(name: str) -> Language:
    """The grammar of `python`, `yaml` or `hcl`."""
    capsules = {
        "python": tree_sitter_python.language,
        "yaml": tree_sitter_yaml.language,
        "hcl": tree_sitter_hcl.language,
    }
    return Language(capsules[name]())


def _parse(name: str, content: bytes) -> Node:
    return Parser(grammar(name)).parse(content).root_node
