"""YAML documents as plain values that know their lines.

Tolerant: what does not parse, such as a template, is left out. Aliases stand for nothing but their
name, so a small file cannot unfold into a large value. Above: extractors. Below: the grammar.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tree_sitter import Node

MAX_DEPTH = 60


@dataclass(slots=True)
class YamlNode:
    """A scalar (`text`), a mapping (`entries`, with the lines of its keys) or a list (`items`)."""

    line: int
    text: str | None = None
    entries: dict[str, YamlNode] = field(default_factory=dict)
    key_lines: dict[str, int] = field(default_factory=dict)
    items: list[YamlNode] = field(default_factory=list)

    def get(self, *keys: str) -> YamlNode:
        """The value below `keys`; an empty node where there is none."""
        node = self
        for key in keys:
            node = node.entries.get(key, YamlNode(node.line))
        return node

    @property
    def value(self) -> str:
        """The scalar's text, "" for everything else."""
        return self.text or ""

    def strings(self) -> Iterator[YamlNode]:
        """The scalar itself, or the scalars of a list."""
        if self.text is not None:
            yield self
        yield from (item for item in self.items if item.text is not None)


def documents(root: Node) -> list[YamlNode]:
    """The documents of a file, in order."""
    found = [node for node in root.children if node.type == "document"]
    return [_value(node, 0) for node in found]


def _value(node: Node, depth: int) -> YamlNode:
    line = node.start_point[0] + 1
    if depth > MAX_DEPTH:
        return YamlNode(line)
    match node.type:
        case "document" | "block_node" | "flow_node":
            for child in node.named_children:
                if child.type not in ("comment", "anchor", "tag"):
                    return _value(child, depth + 1)
            return YamlNode(line)
        case "block_mapping" | "flow_mapping":
            return _mapping(node, line, depth)
        case "block_sequence" | "flow_sequence":
            return YamlNode(line, items=[_item(child, depth) for child in _members(node)])
        case "plain_scalar" | "double_quote_scalar" | "single_quote_scalar":
            return YamlNode(line, text=_plain(node))
        case "block_scalar":
            return YamlNode(line, text=_text(node))
    return YamlNode(line)


def _mapping(node: Node, line: int, depth: int) -> YamlNode:
    mapping = YamlNode(line)
    for pair in _members(node):
        key = pair.child_by_field_name("key")
        value = pair.child_by_field_name("value")
        if key is None:
            continue
        name = _value(key, depth + 1).value
        mapping.key_lines[name] = key.start_point[0] + 1
        mapping.entries[name] = (
            YamlNode(key.start_point[0] + 1) if value is None else _value(value, depth + 1)
        )
    return mapping


def _members(node: Node) -> list[Node]:
    wanted = ("block_mapping_pair", "flow_pair", "block_sequence_item", "flow_node")
    return [child for child in node.named_children if child.type in wanted]


def _item(node: Node, depth: int) -> YamlNode:
    if node.type != "block_sequence_item":
        return _value(node, depth + 1)
    for child in node.named_children:
        if child.type != "comment":
            return _value(child, depth + 1)
    return YamlNode(node.start_point[0] + 1)


def _plain(node: Node) -> str:
    text = _text(node).strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
