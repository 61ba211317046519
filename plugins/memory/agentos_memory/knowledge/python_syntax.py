"""Reading Python's syntax tree: classes, calls, imported names, literal strings.

Above: extractors of models, migrations and queries. Below: the grammar.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from tree_sitter import Node

from agentos_memory.knowledge.sources import grammar

MAX_CALLED_BYTES = 200


def text_of(node: Node | None) -> str:
    """The node's source text, "" for none."""
    return "" if node is None else (node.text or b"").decode("utf-8", "replace")


def line_of(node: Node) -> int:
    """The line on which the node starts."""
    return node.start_point[0] + 1


def walk(node: Node, *types: str) -> list[Node]:
    """The nodes of those types at or below `node`, in order of the source."""
    wanted = _kind_ids(types)
    found = []
    # A query takes as long, but for a tree of one long branch: there its time is quadratic.
    cursor = node.walk()
    while True:
        here = cursor.node
        if here is not None and here.kind_id in wanted:
            found.append(here)
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return found


@cache
def _kind_ids(types: tuple[str, ...]) -> frozenset[int | None]:
    return frozenset(grammar("python").id_for_node_kind(each, True) for each in types)


def string_of(node: Node | None) -> str | None:
    """The value of a plain string literal; None for anything else, also for f-strings."""
    if node is None or node.type not in ("string", "concatenated_string"):
        return None
    if node.type == "concatenated_string":
        parts = [string_of(child) for child in node.named_children]
        return None if None in parts else "".join(part for part in parts if part)
    if any(child.type == "interpolation" for child in node.named_children):
        return None
    return "".join(text_of(c) for c in node.named_children if c.type == "string_content")


def called(call: Node) -> str:
    """The dotted text of what is called, such as `models.CharField`.

    Only `.method` of a text over MAX_CALLED_BYTES: calls on calls hold each other's text, and
    reading all of them would be quadratic.
    """
    function = call.child_by_field_name("function")
    if function is None or function.end_byte - function.start_byte <= MAX_CALLED_BYTES:
        return text_of(function)
    return "." + text_of(function.child_by_field_name("attribute"))


def positional(call: Node) -> list[Node]:
    """The arguments given by position."""
    arguments = call.child_by_field_name("arguments")
    if arguments is None or arguments.type != "argument_list":
        return []
    return [a for a in arguments.named_children if a.type not in ("keyword_argument", "comment")]


def keywords(call: Node) -> dict[str, Node]:
    """The arguments given by name."""
    arguments = call.child_by_field_name("arguments")
    found = {}
    for argument in [] if arguments is None else arguments.named_children:
        name, value = argument.child_by_field_name("name"), argument.child_by_field_name("value")
        if argument.type == "keyword_argument" and name is not None and value is not None:
            found[text_of(name)] = value
    return found


def argument(call: Node, position: int, name: str) -> Node | None:
    """An argument by its position or its name."""
    given = positional(call)
    return given[position] if position < len(given) else keywords(call).get(name)


def classes(root: Node) -> Iterator[tuple[str, Node, list[Node]]]:
    """Name, node and bases (keywords left out) of every class."""
    for node in walk(root, "class_definition"):
        bases = node.child_by_field_name("superclasses")
        given = [] if bases is None else bases.named_children
        yield (
            text_of(node.child_by_field_name("name")),
            node,
            [base for base in given if base.type not in ("keyword_argument", "comment")],
        )


def assignments(node: Node) -> Iterator[tuple[str, Node]]:
    """Names and assignment nodes right in the body of a class or module."""
    body = node.child_by_field_name("body") or node
    for statement in body.named_children:
        if statement.type == "expression_statement" and statement.named_children:
            inner = statement.named_children[0]
            left = inner.child_by_field_name("left")
            if inner.type == "assignment" and left is not None and left.type == "identifier":
                yield text_of(left), inner


def imported_names(root: Node) -> dict[str, str]:
    """Dotted origin by bound name, of all imports of a file; relative ones keep their dots."""
    found: dict[str, str] = {}
    for node in walk(root, "import_statement", "import_from_statement"):
        module = text_of(node.child_by_field_name("module_name"))
        for name in node.children_by_field_name("name"):
            alias = name.child_by_field_name("alias")
            origin = text_of(name.child_by_field_name("name") if alias is not None else name)
            bound = text_of(alias) or (origin if module else origin.partition(".")[0])
            separator = "" if module.endswith(".") else "."
            found[bound] = f"{module}{separator}{origin}" if module else origin
    return found
