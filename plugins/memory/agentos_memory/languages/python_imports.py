"""Python import statements as `Import` facts."""

from __future__ import annotations

from tree_sitter import Node

from agentos_memory.languages.collector import FactCollector, Scope
from agentos_memory.languages.nodes import start_line
from agentos_memory.languages.python_grammar import (
    FIELD_ALIAS,
    FIELD_MODULE_NAME,
    FIELD_NAME,
    SourceText,
)
from agentos_memory.model import Import


def record_import(node: Node, scope: Scope, facts: FactCollector, source: SourceText) -> None:
    """Record `import a.b, c as d`. Without an alias, the first part is what gets bound."""
    for child in node.named_children:
        module, alias = _renamed(child, source)
        bound = alias if alias is not None else module.split(".", 1)[0]
        facts.imports.append(
            Import(scope.qualified_name, module, None, bound, 0, start_line(child))
        )


def record_import_from(node: Node, scope: Scope, facts: FactCollector, source: SourceText) -> None:
    """Record `from ..a import b as c, d` and `from a import *`."""
    origin = node.child_by_field_id(FIELD_MODULE_NAME)
    if origin is None:
        return
    text = source.of(origin).replace(" ", "")
    module = text.lstrip(".")
    level = len(text) - len(module)
    for child in node.named_children:
        if child == origin:
            continue
        if child.type == "wildcard_import":
            name, bound = "*", ""
        elif child.type in ("dotted_name", "aliased_import"):
            name, alias = _renamed(child, source)
            bound = alias or name
        else:
            continue
        facts.imports.append(
            Import(scope.qualified_name, module, name, bound, level, start_line(child))
        )


def _renamed(node: Node, source: SourceText) -> tuple[str, str | None]:
    """The imported dotted name and its alias."""
    name, alias = node.child_by_field_id(FIELD_NAME), node.child_by_field_id(FIELD_ALIAS)
    if name is None:
        return source.of(node), None
    return source.of(name), source.of(alias) if alias is not None else None
