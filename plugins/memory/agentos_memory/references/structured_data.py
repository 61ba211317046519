"""JSON and YAML documents as plain values, with the lines of what stands near their root.

Aliases of YAML stand for their name and are not unfolded, so a small file stays small; of several
YAML documents the first is read. Above: OpenAPI and JSON Schema. Below: the YAML grammar.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
import tree_sitter_yaml
from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser

from agentos_memory.references.decoding import decode_text
from agentos_memory.yaml_nesting import require_shallow

MAX_YAML_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 100
LINED_DEPTH = 3

Pointer: TypeAlias = tuple[str, ...]

_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|\n')
_NUMBER = re.compile(r"[-+]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(slots=True)
class Structured:
    """A value, and first and last line of what the keys of at most LINED_DEPTH levels hold."""

    value: Any
    spans: dict[Pointer, tuple[int, int]] = field(default_factory=dict)


def read_structured(content: bytes) -> Structured:
    """The document; ValueError where it is neither JSON nor YAML."""
    text = decode_text(content)
    if text.lstrip()[:1] in ("{", "["):
        try:
            return Structured(orjson.loads(text), _json_spans(text))
        except orjson.JSONDecodeError as error:
            problem = str(error)
        if text.lstrip().startswith(("{", '["')):
            raise ValueError(f"it is not valid JSON: {problem}")
    if len(content) > MAX_YAML_BYTES:
        raise ValueError(f"it is YAML of more than {MAX_YAML_BYTES} bytes, which is the limit")
    return _Yaml(text).read()


def _json_spans(text: str) -> dict[Pointer, tuple[int, int]]:
    """Lines of objects and lists by the keys that lead to them; lists have no keys."""
    spans: dict[Pointer, tuple[int, int]] = {}
    line, depth = 1, 0
    keys: list[str] = []
    starts: list[int] = []
    key, key_line, is_key = "", 1, False
    for found in _JSON_TOKEN.finditer(text):
        token = found.group()
        if token == "\n":
            line += 1
        elif token in "{[":
            depth += 1
            keys.append(key if depth > 1 else "")
            starts.append(key_line if key else line)
            key = ""
        elif token in "}]":
            depth -= 1
            pointer = tuple(keys[1:])
            if 0 < len(pointer) <= LINED_DEPTH and all(pointer):
                spans[pointer] = (starts[-1], line)
            keys.pop()
            starts.pop()
            key = ""
        elif token == ":":
            is_key = True
        elif token == ",":
            key = ""
        elif not is_key:
            if len(keys) <= LINED_DEPTH:
                key, key_line = json.loads(token), line
            else:
                key, key_line = "", line
        if token != ":" and token != "\n":
            is_key = False
    return spans


class _Yaml:
    def __init__(self, text: str) -> None:
        self._spans: dict[Pointer, tuple[int, int]] = {}
        self._text = text

    def read(self) -> Structured:
        source = self._text.encode("utf-8", "replace")
        require_shallow(source)
        root = Parser(Grammar(tree_sitter_yaml.language())).parse(source).root_node
        document = next((node for node in root.named_children if node.type == "document"), None)
        if document is None or root.has_error:
            raise ValueError("it is not valid YAML" + _place(root))
        return Structured(self._value(document, ()), self._spans)

    def _value(self, node: Node, pointer: Pointer, depth: int = 0) -> Any:
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels, which is the limit")
        match node.type:
            case "block_mapping" | "flow_mapping":
                return self._mapping(node, pointer, depth)
            case "block_sequence" | "flow_sequence":
                items = [each for each in node.named_children if each.type != "comment"]
                return [self._value(each, (*pointer, ""), depth + 1) for each in items]
            case "plain_scalar":
                return _plain(_text(node))
            case "double_quote_scalar":
                return _double_quoted(_text(node))
            case "single_quote_scalar":
                return _folded(_text(node)[1:-1].replace("''", "'"))
            case "block_scalar":
                return _block_scalar(_text(node))
            case "alias":
                return _text(node)
        for child in node.named_children:
            if child.type not in ("comment", "anchor", "tag"):
                return self._value(child, pointer, depth + 1)
        return None

    def _mapping(self, node: Node, pointer: Pointer, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for pair in node.named_children:
            key = pair.child_by_field_name("key")
            if key is None:
                continue
            name = _key(self._value(key, (), depth + 1), key)
            own = (*pointer, name)
            if len(own) <= LINED_DEPTH and all(own):
                self._spans[own] = (pair.start_point[0] + 1, _last_line(pair))
            value = pair.child_by_field_name("value")
            found[name] = None if value is None else self._value(value, own, depth + 1)
        return found


def _key(value: Any, node: Node) -> str:
    return value if isinstance(value, str) else _text(node)


def _last_line(node: Node) -> int:
    row, column = node.end_point
    return max(node.start_point[0], row if column else row - 1) + 1


def _place(root: Node) -> str:
    node = next((child for child in root.children if child.has_error or child.is_error), None)
    while node is not None and not node.is_error:
        node = next((child for child in node.children if child.has_error), None)
    return "" if node is None else f": line {node.start_point[0] + 1} cannot be read"


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _plain(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _NUMBER.match(text):
        return float(text) if re.search(r"[.eE]", text) else int(text[:300])
    return _folded(text)


def _double_quoted(text: str) -> str:
    try:
        return str(json.loads(_folded(text)))
    except ValueError:
        return _folded(text)[1:-1]


def _folded(text: str) -> str:
    """One line break is a blank, several are one fewer."""
    paragraphs = re.split(r"[ \t]*\n(?:[ \t]*\n)+[ \t]*", text)
    return "\n".join(re.sub(r"[ \t]*\n[ \t]*", " ", paragraph) for paragraph in paragraphs)


def _block_scalar(text: str) -> str:
    header, _, body = text.partition("\n")
    lines = body.split("\n")
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    plain = "\n".join(line[indent:] for line in lines).strip("\n")
    return _folded(plain) if header.startswith(">") else plain
