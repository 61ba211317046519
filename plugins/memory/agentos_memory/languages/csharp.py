"""C#: namespaces, types in parts, properties, `using` directives."""

from __future__ import annotations

from collections.abc import Iterator

import tree_sitter_c_sharp
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nodes import node_text
from agentos_memory.languages.queried import QueriedExtractor
from agentos_memory.languages.syntax import Call, ImportParts, Syntax, packaged_query

STATIC = 1


def read_imports(node: Node) -> Iterator[ImportParts]:
    """`using A.B;`, `using X = A.B.C;` and `using static A.B.C;`, of level STATIC."""
    children = node.named_children
    if not children:
        return
    name = "".join(node_text(children[-1]).split()).removeprefix("global::").partition("<")[0]
    alias = node.child_by_field_name("name")
    if alias is not None:
        package, _, member = name.rpartition(".")
        yield package, member, node_text(alias), 0
        return
    level = STATIC if any(child.type == "static" for child in node.children) else 0
    yield name, "*", "*", level


def load_grammar() -> Grammar:
    """The grammar of the wheel."""
    return Grammar(tree_sitter_c_sharp.language())


SYNTAX = Syntax(
    query=packaged_query("csharp"),
    names=frozenset({"identifier", "qualified_name"}),
    members={
        "member_access_expression": ("expression", "name"),
        "conditional_access_expression": ("condition", ""),
        "qualified_name": ("qualifier", "name"),
    },
    calls={"invocation_expression": Call("function")},
    created={"object_creation_expression": "type"},
    wrappers=frozenset({"parenthesized_expression", "generic_name", "await_expression"}),
    receivers={"this": "this", "base": "super"},
    transparent_types=frozenset({"Task", "ValueTask", "Nullable"}),
    containers=frozenset({
        "IEnumerable", "IList", "ICollection", "IReadOnlyList", "IReadOnlyCollection", "HashSet",
        "ISet", "Queue", "Stack", "Collection",
    }),
    inferred_types=frozenset({"var"}),
    marks_calls=True,
    read_imports=read_imports,
)  # fmt: skip

CSHARP = Language(
    name="csharp",
    suffixes=(".cs",),
    load_grammar=load_grammar,
    extract=QueriedExtractor(SYNTAX, load_grammar),
    module_separator=":",
    dotted_modules=False,
    imports="declared",
)
