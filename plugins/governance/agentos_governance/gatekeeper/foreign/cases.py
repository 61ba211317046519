"""The tests of JavaScript, TypeScript, Go, Rust and Java files as cases.

Above: suites.reading. Below: one module for each family, tree-sitter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tree_sitter import Node

from agentos_governance.gatekeeper.cases import Case
from agentos_governance.gatekeeper.foreign.go import helpers_of_go, read_go
from agentos_governance.gatekeeper.foreign.java import helpers_of_java, read_java
from agentos_governance.gatekeeper.foreign.rust import helpers_of_rust, read_rust
from agentos_governance.gatekeeper.foreign.script_doubles import sources_in
from agentos_governance.gatekeeper.foreign.scripts import helpers_of_script, read_script
from agentos_governance.gatekeeper.foreign.syntax_trees import (
    line_of,
    one_line,
    parse_tree,
    text,
    walk,
)

SCRIPTS = (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts")
_DEFINITIONS = frozenset(
    {"function_declaration", "function_item", "class_declaration", "record_declaration",
     "method_declaration", "enum_declaration", "struct_item"}
)  # fmt: skip
_BINDINGS = {
    "variable_declarator": ("name", "value"),
    "let_declaration": ("pattern", "value"),
    "short_var_declaration": ("left", "right"),
    "var_spec": ("name", "value"),
}
_HOLDS_FUNCTION = re.compile(
    r"=>|^(?:async )?function\b|^func\(|^\|[^|]{0,100}\||(?:jest|vi)\.fn\(|\bmock\("
)
FOREIGN = (*SCRIPTS, ".go", ".rs", ".java")


def read_foreign_file(path: str, content: bytes, shared: Mapping[str, int]) -> Iterator[Case]:
    """The cases of one file; none for a language that is not read here.

    `shared` says how much functions of other files assert, by `.suffix name`.
    """
    helpers = {
        name.partition(" ")[2]: strength
        for name, strength in shared.items()
        if name.startswith(f"{language_of(path)} ")
    }
    if path.endswith(SCRIPTS):
        yield from read_script(path, content, helpers)
    elif path.endswith("_test.go"):
        yield from read_go(path, content, helpers)
    elif path.endswith(".rs"):
        yield from read_rust(path, content, helpers)
    elif path.endswith(".java"):
        yield from read_java(path, content, helpers)


def asserting_foreign(path: str, content: bytes) -> dict[str, int]:
    """How much functions of a file assert, by `.suffix name`, for files that call them."""
    found: dict[str, int] = {}
    if path.endswith(SCRIPTS):
        found = helpers_of_script(parse_tree(path, content))
    elif path.endswith(".go"):
        found = helpers_of_go(parse_tree(path, content))
    elif path.endswith(".rs"):
        found = helpers_of_rust(parse_tree(path, content))
    elif path.endswith(".java"):
        found = helpers_of_java(parse_tree(path, content))
    return {f"{language_of(path)} {name}": strength for name, strength in found.items()}


def names_of_foreign(path: str, content: bytes) -> tuple[dict[str, str], dict[str, int]]:
    """What imported names of scripts stand for, and the line of each function that tests define."""
    root = parse_tree(path, content)
    imports = sources_in(root) if path.endswith(SCRIPTS) else {}
    return imports, dict(_defined(path, root))


def _defined(path: str, root: Node) -> Iterator[tuple[str, int]]:
    # Rust has its tests beside the product, and below it.
    start = (root.text or b"").find(b"#[cfg(test)]") if path.endswith(".rs") else 0
    for node in walk(root):
        if node.start_byte < start:
            continue
        if node.type in _DEFINITIONS:
            name = text(node.child_by_field_name("name"))
        elif node.type in _BINDINGS:
            field, value_field = _BINDINGS[node.type]
            value = node.child_by_field_name(value_field)
            if value is None or not _HOLDS_FUNCTION.search(one_line(value)[:200]):
                continue
            name = one_line(node.child_by_field_name(field))
        else:
            continue
        if name.isidentifier():
            yield name, line_of(node)


def language_of(path: str) -> str:
    """A word for the language of a file, the same for all that may call each other."""
    return "script" if path.endswith(SCRIPTS) else path.rpartition(".")[2]
