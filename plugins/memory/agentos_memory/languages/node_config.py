"""package.json and tsconfig.json as far as they say what an import specifier means.

An alias is an `Import` whose `bound_name` is the specifier, with at most one `*`, and whose
`module` is the path it stands for, relative to the configuration's folder. `name` says where it
comes from: `exports` and `imports` of a package, `paths`, `baseUrl` and `extends` of a compiler
configuration. `resolution.typescript_imports` follows them.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from typing import Any

import tree_sitter_json
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.languages.collector import FactCollector
from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nodes import node_text, start_line
from agentos_memory.model import Import

# An export that says where its TypeScript is comes before the one that is compiled.
CONDITIONS = ("source", "types", "import", "module", "default", "require", "node", "browser")
ENTRIES = ("source", "types", "module", "main")
MAX_VALUES = 2_000


def extract(root: Node, facts: FactCollector) -> None:
    """Fill `facts` from the root node of a configuration file."""
    document = next((c for c in root.named_children if c.type == "object"), None)
    if document is None:
        return
    values = {key: node for key, node in _pairs(document)}
    is_package = posixpath.basename(facts.path) == "package.json"
    found = _package(values) if is_package else _compiler(values)
    for source, specifier, target, node in found:
        facts.imports.append(Import(facts.module, target, source, specifier, 0, start_line(node)))


def _package(values: dict[str, Node]) -> Iterator[tuple[str, str, str, Node]]:
    for specifier, target, node in _subpaths(values.get("imports")):
        yield "imports", specifier, target, node
    name = values.get("name")
    if name is None or name.type != "string":
        return
    own = _string(name)
    for specifier, target, node in _subpaths(values.get("exports")):
        yield "exports", own + specifier.removeprefix("."), target, node
    for key in ENTRIES:
        entry = values.get(key)
        if entry is not None and entry.type == "string":
            yield "exports", own, _string(entry), entry
    # What an export names is often built; its source is found by the folder.
    yield "package", own, ".", name


def _subpaths(node: Node | None) -> Iterator[tuple[str, str, Node]]:
    """(`./sub`, target) of `exports` or `imports`, in the order of `CONDITIONS`."""
    if node is None:
        return
    if node.type == "string":
        yield ".", _string(node), node
        return
    pairs = list(_pairs(node))
    if not any(key.startswith((".", "#")) for key, _ in pairs):
        for target in _targets(node):
            yield ".", _string(target), target
        return
    for key, value in pairs:
        for target in _targets(value):
            yield key, _string(target), target


def _targets(node: Node) -> Iterator[Node]:
    """Paths below conditions, the most telling condition first."""
    if node.type == "string":
        yield node
    elif node.type == "array":
        for child in node.named_children:
            yield from _targets(child)
    elif node.type == "object":
        pairs = dict(_pairs(node))
        known = [key for key in CONDITIONS if key in pairs]
        for key in [*known, *(key for key in pairs if key not in CONDITIONS)]:
            yield from _targets(pairs[key])


def _compiler(values: dict[str, Node]) -> Iterator[tuple[str, str, str, Node]]:
    extended = values.get("extends")
    for node in _targets(extended) if extended is not None else ():
        yield "extends", "", _string(node), node
    options = dict(_pairs(values["compilerOptions"])) if "compilerOptions" in values else {}
    base = options.get("baseUrl")
    folder = _string(base) if base is not None and base.type == "string" else "."
    for pattern, targets in _pairs(options["paths"]) if "paths" in options else ():
        for target in _targets(targets):
            yield "paths", pattern, posixpath.join(folder, _string(target)), target
    if base is not None:
        yield "baseUrl", "*", posixpath.join(folder, "*"), base


def _pairs(node: Node) -> Iterator[tuple[str, Node]]:
    for pair in node.named_children[:MAX_VALUES] if node.type == "object" else ():
        key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
        if pair.type == "pair" and key is not None and value is not None:
            yield _string(key), value


def _string(node: Node) -> str:
    text = node_text(node)
    try:
        value: Any = json.loads(text)
    except ValueError:
        value = text.strip('"')
    return value if isinstance(value, str) else text


def _load_grammar() -> Grammar:
    return Grammar(tree_sitter_json.language())


NODE_CONFIG = Language(
    name="node-config",
    suffixes=(
        "package.json",
        "jsconfig.json",
        "tsconfig.json",
        *(f"tsconfig.{name}.json" for name in ("app", "base", "build", "lib", "node", "spec")),
    ),
    load_grammar=_load_grammar,
    extract=extract,
    module_separator=":",
    dotted_modules=False,
)
