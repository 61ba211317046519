"""PHP: namespaces, classes, traits, `use` clauses."""

from __future__ import annotations

from collections.abc import Iterator

import tree_sitter_php
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.expressions import Expression
from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nodes import node_text
from agentos_memory.languages.queried import QueriedExtractor
from agentos_memory.languages.syntax import Call, ImportParts, Syntax, packaged_query
from agentos_memory.languages.written_types import dotted

MAX_PATH_CHARS = 200


def read_imports(node: Node) -> Iterator[ImportParts]:
    """The classes and functions that `use` names, with their aliases."""
    prefix = next((c for c in node.named_children if c.type == "namespace_name"), None)
    group = node.child_by_field_name("body")
    clauses = group.named_children if group is not None else node.named_children
    for clause in clauses:
        if clause.type != "namespace_use_clause" or not clause.named_children:
            continue
        name = _dots(clause.named_children[0])
        if prefix is not None:
            name = f"{_dots(prefix)}.{name}"
        package, _, member = name.rpartition(".")
        alias = clause.child_by_field_name("alias")
        yield package, member, node_text(alias) if alias is not None else member, 0


def _dots(node: Node) -> str:
    return "".join(node_text(node).split()).replace("\\", ".").strip(".")


def read_special(node: Node) -> Expression | None:
    """`\\A\\B` from the root, `A\\B` from here."""
    if node.type != "qualified_name":
        return None
    text = node_text(node)
    if len(text) > MAX_PATH_CHARS:
        return None
    return dotted("<root>" + text if text.startswith("\\") else text)


def load_grammar() -> Grammar:
    """The grammar of the wheel."""
    return Grammar(tree_sitter_php.language_php())


SYNTAX = Syntax(
    query=packaged_query("php"),
    names=frozenset({"name", "variable_name", "relative_scope"}),
    members={
        "member_access_expression": ("object", "name"),
        "nullsafe_member_access_expression": ("object", "name"),
    },
    calls={
        "function_call_expression": Call("function"),
        "member_call_expression": Call("name", "object"),
        "nullsafe_member_call_expression": Call("name", "object"),
        "scoped_call_expression": Call("name", "scope"),
    },
    created={"object_creation_expression": None},
    wrappers=frozenset({"parenthesized_expression", "clone_expression"}),
    receivers={"$this": "this", "self": "Self", "static": "Self", "parent": "super"},
    field_sigil="$",
    read_imports=read_imports,
    read_special=read_special,
)

PHP = Language(
    name="php",
    suffixes=(".php",),
    load_grammar=load_grammar,
    extract=QueriedExtractor(SYNTAX, load_grammar),
    module_separator=":",
    dotted_modules=False,
    imports="declared",
)
