"""YAML: top-level keys, services and jobs, and Kubernetes documents as `Kind/name`."""

from __future__ import annotations

from collections.abc import Iterator

import tree_sitter_yaml
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.languages.collector import FactCollector, Scope, Span
from agentos_memory.languages.configuration import MAX_DATA_BYTES
from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nesting import is_too_deep
from agentos_memory.languages.nodes import end_line, node_text, start_line
from agentos_memory.yaml_nesting import require_shallow

MAX_KEYS = 500
MAX_NAME_CHARS = 200
# Keys whose own keys have names that people look for: Compose, workflows, OpenAPI.
NAMING_KEYS = frozenset({"services", "jobs", "volumes", "networks", "paths", "schemas"})
MAPPINGS = frozenset({"block_mapping", "flow_mapping"})
PAIRS = frozenset({"block_mapping_pair", "flow_pair"})


def extract(root: Node, facts: FactCollector) -> None:
    """Fill `facts` from the root node of a stream of documents."""
    if is_too_deep(root):
        raise RecursionError
    scope = Scope(facts.module, "module")
    for document in (child for child in root.named_children if child.type == "document"):
        pairs = list(_pairs(document))
        if not pairs:
            continue
        values = {key: value for key, value, _ in pairs}
        named = _resource(values)
        inner = scope
        if named:
            inner = _define(facts, scope, named, _extent(document, pairs))
        for key, value, pair in pairs if not named else ():
            holder = _define(facts, inner, key, pair)
            for below, _, each in _pairs(value) if key in NAMING_KEYS and value else ():
                _define(facts, holder, below, each)


def _resource(values: dict[str, Node | None]) -> str:
    """`Deployment/web` of a Kubernetes object, "" for any other document."""
    kind, metadata = values.get("kind"), values.get("metadata")
    if kind is None or metadata is None or "apiVersion" not in values:
        return ""
    name = {key: value for key, value, _ in _pairs(metadata)}.get("name")
    return f"{_scalar(kind)}/{_scalar(name)}" if name is not None else _scalar(kind)


def _extent(document: Node, pairs: list[tuple[str, Node | None, Node]]) -> Node:
    parent = pairs[0][2].parent
    return parent if parent is not None else document


def _pairs(node: Node | None) -> Iterator[tuple[str, Node | None, Node]]:
    """Key, value and whole of each pair of the mapping that the node is or holds."""
    depth = 0
    while node is not None and node.type not in MAPPINGS and depth < 3:
        node = next((c for c in node.named_children if c.type not in ("comment", "anchor")), None)
        depth += 1
    if node is None or node.type not in MAPPINGS:
        return
    for pair in node.named_children[:MAX_KEYS]:
        key = pair.child_by_field_name("key")
        if pair.type in PAIRS and key is not None:
            yield _scalar(key), pair.child_by_field_name("value"), pair


def _scalar(node: Node) -> str:
    return " ".join(node_text(node).split()).strip("\"'")[:MAX_NAME_CHARS]


def _define(facts: FactCollector, scope: Scope, name: str, node: Node) -> Scope:
    span = Span(start_line(node), max(end_line(node), start_line(node)), start_line(node))
    return Scope(facts.define(scope, name, "block", span, signature=name), "class")


def load_grammar() -> Grammar:
    """The grammar of the wheel."""
    return Grammar(tree_sitter_yaml.language())


YAML = Language(
    name="yaml",
    suffixes=(".yaml", ".yml"),
    load_grammar=load_grammar,
    extract=extract,
    module_separator=":",
    dotted_modules=False,
    max_bytes=MAX_DATA_BYTES,
    require_parsable=require_shallow,
)
