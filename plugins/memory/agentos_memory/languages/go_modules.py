"""`go.mod` and `go.work`: which import paths belong to the repository.

Facts are imports: `module` names the module's path, bound as `module`; `replace` one the local
folder that stands for the path it is bound as. What a module requires from outside is left out.
"""

from __future__ import annotations

import re

import tree_sitter_go
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.languages.collector import FactCollector
from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nodes import node_text
from agentos_memory.model import Import

MODULE = re.compile(r'^\s*module\s+"?([^\s"()]+)', re.MULTILINE)
# One line of a replace block, or a directive of its own; only folders matter.
REPLACE = re.compile(
    r'^\s*(?:replace\s+)?"?([^\s"()]+)"?(?:\s+v\S+)?\s+=>\s+"?(\.\.?(?:/[^\s"]*)?)', re.MULTILINE
)


def extract(root: Node, facts: FactCollector) -> None:
    """Fill `facts` from the text of a module file; the tree of another grammar is not read."""
    text = re.sub(r"//.*", "", node_text(root))
    for found in MODULE.finditer(text):
        _record(facts, "module", found[1], "module", _line(text, found.start(1)))
    for found in REPLACE.finditer(text):
        _record(facts, "replace", found[2], found[1], _line(text, found.start(1)))


def _record(facts: FactCollector, name: str, module: str, bound: str, line: int) -> None:
    facts.imports.append(Import(facts.module, module, name, bound, 0, line))


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _load_grammar() -> Grammar:
    return Grammar(tree_sitter_go.language())


GO_MODULE = Language(
    name="go-module",
    suffixes=("go.mod", "go.work"),
    load_grammar=_load_grammar,
    extract=extract,
    module_separator=":",
    dotted_modules=False,
)
