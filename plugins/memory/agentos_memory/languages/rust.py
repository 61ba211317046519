"""Rust: modules, types with their `impl` blocks, `use` paths."""

from __future__ import annotations

import re
from collections.abc import Iterator

import tree_sitter_rust
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Expression
from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nodes import node_text
from agentos_memory.languages.queried import QueriedExtractor
from agentos_memory.languages.syntax import CALL_MARK, Call, ImportParts, Syntax, packaged_query
from agentos_memory.languages.written_types import dotted

MAX_USES = 500
# Heads of paths; `self` and `super` alone would be receivers.
PATH_HEADS = {"self": "<self>", "super": "<super>"}
_ARGUMENTS = re.compile(r"(?:::)?<[^<>]*>")


def read_imports(node: Node) -> Iterator[ImportParts]:
    """The names of a `use` tree; level 1 marks those that the module exports again."""
    argument = node.child_by_field_name("argument")
    is_public = any(child.type == "visibility_modifier" for child in node.children)
    if argument is None:
        return
    for count, (path, alias) in enumerate(_leaves(argument, "")):
        if count >= MAX_USES:
            return
        *parts, last = path.split(".")
        parts = [PATH_HEADS.get(part, part) for part in parts]
        bound = alias or last
        if last == "self" and parts:
            *parts, last = parts
            bound = alias or last
        yield ".".join(parts), PATH_HEADS.get(last, last), bound, int(is_public)


def _leaves(node: Node, prefix: str) -> Iterator[tuple[str, str | None]]:
    match node.type:
        case "use_list":
            for child in node.named_children:
                yield from _leaves(child, prefix)
        case "scoped_use_list":
            path, listed = node.child_by_field_name("path"), node.child_by_field_name("list")
            inner = _join(prefix, path)
            if listed is not None:
                yield from _leaves(listed, inner)
        case "use_as_clause":
            alias = node.child_by_field_name("alias")
            yield _join(prefix, node.child_by_field_name("path")), node_text(alias or node)
        case "use_wildcard":
            yield _join(prefix, node.named_children[0] if node.named_children else None) + ".*", "*"
        case "line_comment" | "block_comment":
            return
        case _:
            yield _join(prefix, node), None


def _join(prefix: str, node: Node | None) -> str:
    path = "".join(node_text(node).split()).replace("::", ".").strip(".") if node else ""
    return f"{prefix}.{path}" if prefix and path else prefix or path


def read_path(node: Node) -> Expression | None:
    """`a::b::c` from its text, without type arguments."""
    if node.type != "scoped_identifier":
        return None
    text = node_text(node)
    if len(text) > 200:
        return UNKNOWN
    if "<" in text:
        while (shorter := _ARGUMENTS.sub("", text)) != text:
            text = shorter
    if text.startswith(("::", "<")) or not text[:1].isidentifier():
        return UNKNOWN
    head = text.partition("::")[0]
    # Variables do not hide the modules and types that paths begin with.
    return dotted(text, {head: PATH_HEADS.get(head, head) + CALL_MARK})


def load_grammar() -> Grammar:
    """The grammar of the wheel."""
    return Grammar(tree_sitter_rust.language())


SYNTAX = Syntax(
    query=packaged_query("rust"),
    names=frozenset({"identifier", "type_identifier"}),
    members={"field_expression": ("value", "field")},
    calls={"call_expression": Call("function")},
    created={"struct_expression": "name"},
    wrappers=frozenset({
        "generic_function", "reference_expression", "parenthesized_expression", "await_expression",
    }),
    elements=frozenset({"try_expression"}),
    element_calls=frozenset({"unwrap", "expect", "unwrap_or_default", "iter", "iter_mut"}),
    receivers={"self": "this"},
    transparent_types=frozenset({"Box", "Rc", "Arc", "Cow"}),
    containers=frozenset({"Vec", "Option", "Result", "VecDeque", "HashSet", "BTreeSet"}),
    read_imports=read_imports,
    read_special=read_path,
)  # fmt: skip

RUST = Language(
    name="rust",
    suffixes=(".rs",),
    load_grammar=load_grammar,
    extract=QueriedExtractor(SYNTAX, load_grammar),
    module_separator=":",
    dotted_modules=False,
    imports="declared",
)
