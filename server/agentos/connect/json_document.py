"""A JSON text of which single values are set or removed; every other byte stays as it is.

Above: `entries`. Below: `json_syntax`. Keys are members' names and elements' indices.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from agentos.connect.json_syntax import Node, parse
from agentos.errors import ConfigurationError

Key = str | int

_LINE_REST = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/)[ \t]*(?=\r?\n)")


class JsonDocument:
    """The text of a file and the edits to it; an empty file counts as an empty object."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text if text.strip("\ufeff \t\r\n") else "{}\n"
        self._name = name
        self._root = parse(self.text, name)
        if not isinstance(self._root.value, dict):
            raise ConfigurationError(
                f"{name} holds no JSON object; nothing was written: mend the file, or move it away"
            )

    def get(self, keys: Sequence[Key]) -> Any:
        """The value at `keys`; None where there is none."""
        node = self._find(keys)
        return None if node is None else node.value

    def source(self, keys: Sequence[Key]) -> str | None:
        """The text of the value at `keys`, as it stands in the file."""
        node = self._find(keys)
        return None if node is None else self.text[node.start : node.end]

    def set(self, keys: Sequence[str], value: Any) -> None:
        """Put `value` at `keys`, in place of what is there; missing objects on the way are made."""
        node = self._find(keys)
        if node is not None:
            rendered = self._render(value, self._indent_at(node.start))
            self._replace(node.start, node.end, rendered)
            return
        depth = next(d for d in range(len(keys) - 1, -1, -1) if self._find(keys[:d]) is not None)
        for key in reversed(keys[depth + 1 :]):
            value = {key: value}
        self._insert(self._container(keys[:depth], dict), value, key=keys[depth])

    def set_source(self, keys: Sequence[str], source: str) -> None:
        """Put back what `source` gave, where a value stands at `keys`."""
        node = self._find(keys)
        assert node is not None
        self._replace(node.start, node.end, source)

    def append(self, keys: Sequence[str], value: Any) -> None:
        """Add an element to the array at `keys`, which is made where it is missing."""
        if self._find(keys) is None:
            self.set(keys, [value])
        else:
            self._insert(self._container(keys, list), value, key=None)

    def remove(self, keys: Sequence[Key]) -> None:
        """Take out the member or element at `keys`, with its comma."""
        container = self._find(keys[:-1])
        if container is None or self._find(keys) is None:
            return
        index = self._index(container, keys[-1])
        child = container.children[index]
        comma = child.comma if child.comma is not None else container.trailing_comma
        if len(container.children) == 1:
            end = child.node.end if comma is None else comma + 1
            self._take_out(child.start, end, container)
        elif child.comma is not None:
            self._replace(child.start, container.children[index + 1].start, "")
        else:
            # The last one: with it goes the comma before it, unless one may trail.
            before = container.children[index - 1]
            if comma is None:
                self._replace(self._line_end_before(child.start), child.node.end, "")
                assert before.comma is not None
                self._replace(before.comma, before.comma + 1, "")
            else:
                self._replace(self._line_end_before(child.start), comma + 1, "")

    def _take_out(self, start: int, end: int, container: Node) -> None:
        """Remove the only child; what is left of the container closes up unless it has comments."""
        inside = self.text[container.start + 1 : start] + self.text[end : container.end - 1]
        if not inside.strip():
            start, end = container.start + 1, container.end - 1
        else:
            start = self._line_end_before(start)
        self._replace(start, end, "")

    def _line_end_before(self, at: int) -> int:
        """Where the blanks before `at` begin, the end of the line before it included."""
        while at and self.text[at - 1] in " \t":
            at -= 1
        if at and self.text[at - 1] == "\n":
            at -= 2 if self.text[at - 2 : at] == "\r\n" else 1
        return at

    def _insert(self, container: Node, value: Any, *, key: str | None) -> None:
        label = "" if key is None else json.dumps(key, ensure_ascii=False) + ": "
        inner = self.text[container.start : container.end]
        if container.children and "\n" not in inner:
            at = container.children[-1].node.end
            self._replace(at, at, f", {label}{json.dumps(value, ensure_ascii=False)}")
            return
        outer = self._indent_at(container.start)
        indent = self._child_indent(container, outer)
        text = f"{self._newline}{indent}{label}{self._render(value, indent)}"
        if not container.children:
            ends_line = "\n" in inner
            self._replace(
                container.start + 1,
                container.start + 1,
                text if ends_line else f"{text}{self._newline}{outer}",
            )
        elif container.trailing_comma is not None:
            at = self._past_comment(container.trailing_comma + 1)
            self._replace(at, at, f"{text},")
        else:
            end = container.children[-1].node.end
            at = self._past_comment(end)
            self._replace(end, at, f",{self.text[end:at]}{text}")

    def _past_comment(self, at: int) -> int:
        """The end of the comment that closes the line; `at` where there is none."""
        comment = _LINE_REST.match(self.text, at)
        return comment.end() if comment is not None else at

    def _child_indent(self, container: Node, outer: str) -> str:
        if container.children:
            return self._indent_at(container.children[0].start)
        return outer + self._unit

    @property
    def _unit(self) -> str:
        """One step of this file's indentation."""
        found = re.search(r"\{[ \t]*\r?\n([ \t]+)\"", self.text)
        return found[1] if found else "  "

    @property
    def _newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def _indent_at(self, at: int) -> str:
        line = self.text[self.text.rfind("\n", 0, at) + 1 : at]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _render(self, value: Any, indent: str) -> str:
        text = json.dumps(value, ensure_ascii=False, indent=self._unit)
        return text.replace("\n", f"{self._newline}{indent}")

    def _replace(self, start: int, end: int, text: str) -> None:
        self.text = self.text[:start] + text + self.text[end:]
        self._root = parse(self.text, self._name)

    def _container(self, keys: Sequence[Key], kind: type) -> Node:
        node = self._find(keys)
        assert node is not None
        if not isinstance(node.value, kind):
            where = ".".join(str(key) for key in keys)
            wanted = "an object" if kind is dict else "an array"
            raise ConfigurationError(
                f"{self._name}: {where} is not {wanted}; nothing was written: mend the file, or "
                "move it away"
            )
        return node

    def _find(self, keys: Sequence[Key]) -> Node | None:
        node = self._root
        for key in keys:
            try:
                node = node.children[self._index(node, key)].node
            except LookupError:
                return None
        return node

    @staticmethod
    def _index(container: Node, key: Key) -> int:
        if isinstance(key, int):
            if not isinstance(container.value, list) or key >= len(container.children):
                raise LookupError
            return key
        for index, child in enumerate(container.children):
            if child.key == key and isinstance(container.value, dict):
                return index
        raise LookupError
