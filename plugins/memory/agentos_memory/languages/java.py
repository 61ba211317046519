"""Java: packages, classes, and what their fields, parameters and variables are declared to be."""

from __future__ import annotations

from collections.abc import Iterator

import tree_sitter_java
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nodes import node_text
from agentos_memory.languages.queried import QueriedExtractor
from agentos_memory.languages.syntax import Call, ImportParts, Syntax, packaged_query

STATIC = 1


def read_imports(node: Node) -> Iterator[ImportParts]:
    """`import a.b.C;`, `import a.b.*;` and their static forms, of level STATIC."""
    named = next(
        (c for c in node.named_children if c.type in ("scoped_identifier", "identifier")), None
    )
    if named is None:
        return
    name = "".join(node_text(named).split())
    level = STATIC if any(child.type == "static" for child in node.children) else 0
    if any(child.type == "asterisk" for child in node.children):
        yield name, "*", "*", level
        return
    package, _, member = name.rpartition(".")
    yield package, member, member, level


def load_grammar() -> Grammar:
    """The grammar of the wheel."""
    return Grammar(tree_sitter_java.language())


SYNTAX = Syntax(
    query=packaged_query("java"),
    names=frozenset({"identifier", "type_identifier"}),
    members={"field_access": ("object", "field"), "scoped_type_identifier": ("scope", "name")},
    calls={
        "method_invocation": Call("name", "object"),
        "explicit_constructor_invocation": Call("constructor"),
    },
    created={"object_creation_expression": "type"},
    wrappers=frozenset({"parenthesized_expression"}),
    receivers={"this": "this", "super": "super"},
    inferred_types=frozenset({"var"}),
    marks_calls=True,
    read_imports=read_imports,
)

JAVA = Language(
    name="java",
    suffixes=(".java",),
    load_grammar=load_grammar,
    extract=QueriedExtractor(SYNTAX, load_grammar),
    module_separator=":",
    dotted_modules=False,
    imports="declared",
)
