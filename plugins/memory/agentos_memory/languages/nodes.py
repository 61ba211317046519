"""Reading text and lines off tree-sitter nodes."""

from __future__ import annotations

from tree_sitter import Node


def node_text(node: Node) -> str:
    """Source text of a node; bytes outside UTF-8 become U+FFFD."""
    return (node.text or b"").decode("utf-8", "replace")


def start_line(node: Node) -> int:
    """1-based line of the node's first character."""
    return node.start_point[0] + 1


def end_line(node: Node) -> int:
    """1-based line of the node's last character."""
    row, column = node.end_point
    # A node that ends with its newline ends in column 0 of the line after.
    return row if column == 0 and row > node.start_point[0] else row + 1


def header_text(node: Node, body: Node | None) -> str:
    """Text of a definition before its body, on one line, without the closing colon or brace."""
    text = node_text(node)
    if body is not None:
        text = (node.text or b"")[: body.start_byte - node.start_byte].decode("utf-8", "replace")
    return " ".join(text.split()).removesuffix(":").rstrip(" {=")
