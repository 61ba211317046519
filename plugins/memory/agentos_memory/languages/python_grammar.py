"""Python's grammar, the ids of its node kinds, and the text of one parsed file.

Numbers are compared instead of names, and text is cut from the whole file's, because both stand
in the innermost loop of an index. Above: every module that reads Python.
"""

from __future__ import annotations

from functools import cache

import tree_sitter_python
from tree_sitter import Language as Grammar
from tree_sitter import Node


@cache
def load_grammar() -> Grammar:
    """The Python grammar of the installed wheel."""
    return Grammar(tree_sitter_python.language())


@cache
def kind_id(name: str) -> int:
    """The id of the named node kind `name`; raises ValueError where the grammar has none."""
    found = load_grammar().id_for_node_kind(name, True)
    if found is None:
        raise ValueError(f"the Python grammar has no node kind {name!r}")
    return found


@cache
def field_id(name: str) -> int:
    """The id of the field `name`; raises ValueError where the grammar has none."""
    found = load_grammar().field_id_for_name(name)
    if found is None:
        raise ValueError(f"the Python grammar has no field {name!r}")
    return found


def kind_ids(*names: str) -> frozenset[int]:
    """The ids of several node kinds."""
    return frozenset(map(kind_id, names))


ASSIGNMENT = kind_id("assignment")
ATTRIBUTE = kind_id("attribute")
AS_PATTERN = kind_id("as_pattern")
BLOCK = kind_id("block")
CALL = kind_id("call")
CLASS_DEFINITION = kind_id("class_definition")
COMMENT = kind_id("comment")
# tree-sitter's own kind for what it could not parse.
ERROR = 0xFFFF
EXPRESSION_STATEMENT = kind_id("expression_statement")
GENERATOR = kind_id("generator_expression")
IDENTIFIER = kind_id("identifier")
KEYWORD_ARGUMENT = kind_id("keyword_argument")
STRING = kind_id("string")
TUPLE = kind_id("tuple")
TYPED_PARAMETER = kind_id("typed_parameter")
FIELD_ALIAS = field_id("alias")
FIELD_ARGUMENTS = field_id("arguments")
FIELD_ATTRIBUTE = field_id("attribute")
FIELD_BODY = field_id("body")
FIELD_DEFINITION = field_id("definition")
FIELD_FUNCTION = field_id("function")
FIELD_LEFT = field_id("left")
FIELD_MODULE_NAME = field_id("module_name")
FIELD_NAME = field_id("name")
FIELD_OBJECT = field_id("object")
FIELD_OPERATOR = field_id("operator")
FIELD_PARAMETERS = field_id("parameters")
FIELD_RETURN_TYPE = field_id("return_type")
FIELD_RIGHT = field_id("right")
FIELD_SUPERCLASSES = field_id("superclasses")
FIELD_TYPE = field_id("type")
FIELD_VALUE = field_id("value")
MAX_PATH_BYTES = 200
SPLATS = kind_ids("list_splat_pattern", "dictionary_splat_pattern")
TARGET_PATTERNS = kind_ids("pattern_list", "tuple_pattern", "list_pattern", "tuple", "list")
_QUOTES = frozenset({'"', "'"})


class SourceText:
    """The text of one file by byte offsets."""

    def __init__(self, root: Node) -> None:
        source = root.text or b""
        # In Latin-1 every byte is one character, so that offsets of bytes cut text; what stands
        # before the root is blank.
        self._text = " " * root.start_byte + source.decode("latin-1")
        self._is_ascii = source.isascii()

    def of(self, node: Node) -> str:
        """The text of a node."""
        text = self._text[node.start_byte : node.end_byte]
        return text if self._is_ascii or text.isascii() else _decoded(text)

    def between(self, start: int, end: int) -> str:
        """The text from one byte offset to another; both lie between characters."""
        text = self._text[start:end]
        return text if self._is_ascii or text.isascii() else _decoded(text)

    def is_plain_string(self, node: Node) -> bool:
        """Whether the string at a node has no prefix."""
        start = node.start_byte
        return self._text[start : start + 1] in _QUOTES

    def path_at(self, node: Node) -> str:
        """The text of an attribute, "" where it is longer than dotted names are.

        Long ones hang on calls; cutting their text again and again would be quadratic.
        """
        start, end = node.start_byte, node.end_byte
        if end - start > MAX_PATH_BYTES:
            return ""
        text = self._text[start:end]
        return text if self._is_ascii or text.isascii() else _decoded(text)


def _decoded(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "replace")
