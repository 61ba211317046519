"""C and C++: functions, types, includes; what is declared in headers and defined elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import tree_sitter_c
import tree_sitter_cpp
from tree_sitter import Language as Grammar
from tree_sitter import Node

from agentos_memory.languages.declaration import Language
from agentos_memory.languages.nodes import node_text
from agentos_memory.languages.queried import QueriedExtractor
from agentos_memory.languages.syntax import Call, ImportParts, Syntax, packaged_query


def read_imports(node: Node) -> Iterator[ImportParts]:
    """`#include "x.h"` as everything of that file, `using a::b` and `using namespace a`."""
    if node.type == "preproc_include":
        path = node.child_by_field_name("path")
        if path is not None:
            yield node_text(path).strip('"'), "*", "*", 0
        return
    named = node.named_children[-1] if node.named_children else None
    if named is None:
        return
    name = "".join(node_text(named).split()).replace("::", ".").strip(".")
    if any(child.type == "namespace" for child in node.children):
        yield name, "*", "*", 1
    else:
        package, _, member = name.rpartition(".")
        yield package, member, member, 1


def load_c_grammar() -> Grammar:
    """The grammar of C's wheel."""
    return Grammar(tree_sitter_c.language())


def load_cpp_grammar() -> Grammar:
    """The grammar of C++'s wheel."""
    return Grammar(tree_sitter_cpp.language())


C_SYNTAX = Syntax(
    query=packaged_query("c"),
    names=frozenset({"identifier"}),
    members={"field_expression": ("argument", "field")},
    calls={"call_expression": Call("function")},
    wrappers=frozenset({"parenthesized_expression"}),
    read_imports=read_imports,
)

CPP_SYNTAX = Syntax(
    query=packaged_query("cpp"),
    names=frozenset({"identifier", "namespace_identifier", "type_identifier"}),
    members={
        "field_expression": ("argument", "field"),
        "qualified_identifier": ("scope", "name"),
    },
    calls={"call_expression": Call("function")},
    created={"new_expression": "type"},
    wrappers=frozenset({"parenthesized_expression", "template_function"}),
    receivers={"this": "this"},
    transparent_types=frozenset({
        "std::unique_ptr", "std::shared_ptr", "unique_ptr", "shared_ptr",
    }),
    containers=frozenset({"std::vector", "std::list", "std::deque", "std::set", "std::array"}),
    inferred_types=frozenset({"auto", "const auto"}),
    read_imports=read_imports,
)  # fmt: skip

C = Language(
    name="c",
    suffixes=(".c",),
    load_grammar=load_c_grammar,
    extract=QueriedExtractor(C_SYNTAX, load_c_grammar),
    module_separator=":",
    dotted_modules=False,
    imports="declared",
)

# Headers may be of either language; what C's grammar lacks, C++'s reads.
CPP = Language(
    name="cpp",
    suffixes=(".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx", ".h", ".ipp", ".inl"),
    load_grammar=load_cpp_grammar,
    extract=QueriedExtractor(CPP_SYNTAX, load_cpp_grammar),
    module_separator=":",
    dotted_modules=False,
    imports="declared",
)
