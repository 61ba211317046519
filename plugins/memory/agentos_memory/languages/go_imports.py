"""Go's import statements, and the module files that say what import paths mean."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from agentos_memory.languages.collector import FactCollector
from agentos_memory.languages.nodes import node_text, start_line
from agentos_memory.model import Import

VERSION = re.compile(r"v\d+")


def record_imports(node: Node, facts: FactCollector) -> None:
    """Record every spec of the import declaration at `node`.

    A dot import has the name `*`, a blank one is bound as `_`; without an alias a package is
    bound by the name that its path suggests.
    """
    for spec in _specs(node):
        path, alias = spec.child_by_field_name("path"), spec.child_by_field_name("name")
        if path is None:
            continue
        module = node_text(path).strip('"`')
        name, bound = None, default_name(module)
        if alias is not None:
            name, bound = ("*", "") if alias.type == "dot" else (None, node_text(alias))
        facts.imports.append(Import(facts.module, module, name, bound, 0, start_line(spec)))


def default_name(path: str) -> str:
    """The name that a package most likely has, from its import path alone."""
    *folders, last = path.split("/")
    if VERSION.fullmatch(last) and folders:
        last = folders[-1]
    last = re.sub(r"\.v\d+$", "", last)
    return last.removeprefix("go-").removesuffix("-go").removesuffix(".go").replace("-", "_")


def _specs(node: Node) -> Iterator[Node]:
    for child in node.named_children:
        if child.type == "import_spec":
            yield child
        elif child.type == "import_spec_list":
            yield from _specs(child)
