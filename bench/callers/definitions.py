"""Definitions of a source tree, read from syntax trees alone and not by the code under test.

A definition is `[first line, last line, kind, qualified name]`; the qualified name joins enclosing
definitions with dots, without a module.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from tree_sitter import Node

from agentos_memory.languages import find_language
from agentos_memory.parsing import parse

Kind: TypeAlias = Literal["function", "method", "class"]
SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "venv", "dist", "build", "vendor"})
FUNCTIONS = frozenset({
    "function_definition", "function_declaration", "generator_function_declaration",
    "method_definition", "method_declaration", "method_signature", "abstract_method_signature",
    "function_signature", "method_elem",
})  # fmt: skip
CLASSES = frozenset({
    "class_definition", "class_declaration", "abstract_class_declaration",
    "interface_declaration", "type_spec",
})  # fmt: skip
# What binds a function to a name, by the fields of the name and the value.
BINDERS: Mapping[str, tuple[str, str]] = {
    "variable_declarator": ("name", "value"),
    "public_field_definition": ("name", "value"),
    "field_definition": ("property", "value"),
    "pair": ("key", "value"),
}
FUNCTION_VALUES = frozenset({"arrow_function", "function_expression", "generator_function"})
MAX_FILE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Definition:
    """One named function, method or class; lines are 1-based and inclusive."""

    path: str
    qualified_name: str
    name: str
    kind: Kind
    start_line: int
    end_line: int
    name_line: int
    name_column: int
    owner: str | None

    @property
    def id(self) -> str:
        """How scorers name it."""
        return f"{self.path}::{self.qualified_name}"


def source_paths(root: Path, languages: Sequence[str]) -> list[str]:
    """Paths of the files of these languages, hidden and generated folders left out."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith(".")
        )
        for name in sorted(files):
            path = os.path.relpath(os.path.join(folder, name), root)
            language = find_language(path)
            is_file = not os.path.islink(os.path.join(root, path))
            if language is not None and language.name in languages and is_file:
                found.append(path)
    return found


def read_definitions(root: Path, path: str) -> list[Definition]:
    """The definitions of one file, in source order."""
    source = (root / path).read_bytes()
    language = find_language(path)
    if language is None or len(source) > MAX_FILE_BYTES:
        return []
    return list(_definitions(parse(language, source), path, ()))


def _definitions(root: Node, path: str, outer: tuple[Definition, ...]) -> Iterator[Definition]:
    pending: list[tuple[Node, tuple[Definition, ...]]] = [(root, outer)]
    while pending:
        node, around = pending.pop()
        named = _named(node)
        inner = around
        if named is not None:
            found = _definition(node, *named, path, around)
            yield found
            inner = (*around, found)
        pending.extend((child, inner) for child in reversed(node.named_children))


def _named(node: Node) -> tuple[Node, bool] | None:
    """The node of the definition's name and whether it is a class; None for anything else."""
    if node.type in FUNCTIONS or node.type in CLASSES:
        name = node.child_by_field_name("name")
        return (name, node.type in CLASSES) if name is not None else None
    fields = BINDERS.get(node.type)
    if fields is None:
        return None
    name, value = (node.child_by_field_name(field) for field in fields)
    if name is None or value is None or value.type not in FUNCTION_VALUES:
        return None
    return (name, False) if name.type.endswith("identifier") else None


def _definition(
    node: Node, name: Node, is_class: bool, path: str, around: tuple[Definition, ...]
) -> Definition:
    text = _text(name)
    owner = around[-1].qualified_name if around and around[-1].kind == "class" else None
    receiver = _receiver(node)
    prefix = f"{receiver}." if receiver else f"{around[-1].qualified_name}." if around else ""
    kind: Kind = "class" if is_class else "method" if owner or receiver else "function"
    whole = node.parent if _is_decorated(node) and node.parent is not None else node
    return Definition(
        path,
        prefix + text,
        text,
        kind,
        whole.start_point.row + 1,
        node.end_point.row + 1,
        name.start_point.row + 1,
        name.start_point.column,
        receiver or owner,
    )


def _receiver(node: Node) -> str | None:
    """The type on which Go declares a method."""
    receiver = node.child_by_field_name("receiver")
    if receiver is None:
        return None
    pending = list(receiver.named_children)
    while pending:
        child = pending.pop(0)
        if child.type == "type_identifier":
            return _text(child)
        pending = [*child.named_children[::-1], *pending]
    return None


def _is_decorated(node: Node) -> bool:
    return node.parent is not None and node.parent.type == "decorated_definition"


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
