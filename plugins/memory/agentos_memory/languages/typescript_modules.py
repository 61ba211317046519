"""TypeScript imports, re-exports and `require` calls as `Import` facts."""

from __future__ import annotations

from dataclasses import replace

from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Expression, Name
from agentos_memory.languages.collector import FactCollector, Scope
from agentos_memory.languages.nodes import node_text, start_line
from agentos_memory.model import Import

# What a CommonJS module is when it is required as a whole, beside its members.
EXPORTED_VALUE = "module.exports"
# The level of an import that the module exports; a star import of the module passes it on.
REEXPORTED = 1


def record_import(node: Node, scope: Scope, facts: FactCollector) -> None:
    """Record `import D, { a as b } from "./x"` and `import * as ns from "./x"`."""
    module = _specifier(node)
    for clause in node.named_children:
        if clause.type == "import_require_clause":
            _record_import_require(clause, scope, facts)
        for part in clause.named_children if clause.type == "import_clause" else []:
            if part.type == "identifier":
                _add(facts, scope, module, "default", node_text(part), part)
            elif part.type == "namespace_import":
                _add(facts, scope, module, None, node_text(part.named_children[0]), part)
            else:
                for name, bound, specifier in _specifiers(part):
                    _add(facts, scope, module, name, bound, specifier)


def _record_import_require(clause: Node, scope: Scope, facts: FactCollector) -> None:
    """`import x = require("./m")`."""
    name = clause.named_children[0] if clause.named_children else None
    if name is not None:
        _add(facts, scope, _specifier(clause), None, node_text(name), name)


def record_reexport(node: Node, scope: Scope, facts: FactCollector) -> None:
    """Record `export ... from "./x"`, and bind the names of `export { a as b }`."""
    module = _specifier(node)
    clauses = [child for child in node.named_children if child.type != "string"]
    if module and not any(c.type in ("export_clause", "namespace_export") for c in clauses):
        _add(facts, scope, module, "*", "", node)
    for clause in clauses:
        if clause.type == "namespace_export":
            name = node_text(clause.named_children[0])
            _add(facts, scope, module, None, name, clause, level=REEXPORTED)
        for name, bound, specifier in _specifiers(clause) if clause.type == "export_clause" else []:
            if module:
                _add(facts, scope, module, name, bound, specifier, level=REEXPORTED)
            elif bound != name:
                facts.bind(scope.qualified_name, bound, Name(name), start_line(specifier))
            else:
                _mark_exported(facts, name)


def record_require(value: Node, target: Node, scope: Scope, facts: FactCollector) -> bool:
    """Record `const x = require("./m")`; False when `value` is something else."""
    function, arguments = (
        value.child_by_field_name("function"),
        value.child_by_field_name("arguments"),
    )
    if value.type != "call_expression" or function is None or arguments is None:
        return False
    specifier = next(iter(arguments.named_children), None)
    if node_text(function) != "require" or specifier is None or specifier.type != "string":
        return False
    module = node_text(specifier).strip("\"'")
    if target.type == "identifier":
        _add(facts, scope, module, None, node_text(target), target)
        return True
    for part in target.named_children:
        key, bound = part.child_by_field_name("key"), part.child_by_field_name("value")
        if key is not None and bound is not None:
            _add(facts, scope, module, node_text(key), node_text(bound), part)
        else:
            _add(facts, scope, module, node_text(part), node_text(part), part)
    return True


def is_module_call(node: Node, function: Node) -> bool:
    """Whether the call gives a module: `import("./m")` or `require("./m")`."""
    if function.type == "import":
        return True
    arguments = node.child_by_field_name("arguments")
    given = arguments.named_children if arguments is not None else []
    is_path = len(given) == 1 and given[0].type == "string"
    return is_path and function.type == "identifier" and node_text(function) == "require"


def record_dynamic_import(node: Node, scope: Scope, facts: FactCollector) -> Expression:
    """Record `import("./m")` or `require("./m")` and give an expression for the module; unknown when computed."""
    arguments = node.child_by_field_name("arguments")
    specifier = next(iter(arguments.named_children), None) if arguments is not None else None
    if specifier is None or specifier.type != "string":
        return UNKNOWN
    # No identifier is written like that.
    bound = node_text(node)
    _add(facts, scope, node_text(specifier).strip("\"'"), None, bound, specifier)
    return Name(bound)


def _specifier(node: Node) -> str:
    source = node.child_by_field_name("source")
    return node_text(source).strip("\"'") if source is not None else ""


def _specifiers(clause: Node) -> list[tuple[str, str, Node]]:
    found: list[tuple[str, str, Node]] = []
    for specifier in clause.named_children:
        name, alias = specifier.child_by_field_name("name"), specifier.child_by_field_name("alias")
        if name is not None:
            bound = node_text(alias) if alias is not None else node_text(name)
            found.append((node_text(name), bound, specifier))
    return found


def _mark_exported(facts: FactCollector, name: str) -> None:
    """`import { a } from "./x"; export { a }` exports what it imports."""
    for position, statement in enumerate(facts.imports):
        if statement.bound_name == name and statement.scope == facts.module:
            facts.imports[position] = replace(statement, level=REEXPORTED)


def _add(
    facts: FactCollector,
    scope: Scope,
    module: str,
    name: str | None,
    bound: str,
    node: Node,
    level: int = 0,
) -> None:
    line = start_line(node)
    facts.imports.append(Import(scope.qualified_name, module, name, bound, level, line))
