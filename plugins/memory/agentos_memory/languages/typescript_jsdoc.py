"""Types that comments of JavaScript declare: `@param {T} name`, `@returns {T}`, `@type {T}`.

What a comment says is read as the compiler reads it in JavaScript: by the grammar of types, after
the older ways to write them. Above: statements and expressions. Below: types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import tree_sitter_typescript
from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser

from agentos_memory.expressions import UNKNOWN, Expression, Name, Record, Subscript, Typed
from agentos_memory.languages.collector import FactCollector
from agentos_memory.languages.nodes import node_text, start_line
from agentos_memory.languages.typescript_types import dotted_name, read_type, substitute
from agentos_memory.model import Import

JAVASCRIPT_SUFFIXES = (".js", ".jsx", ".mjs", ".cjs")
MAX_TYPE_CHARS = 500
_TAG = re.compile(r"@(\w+)[ \t]*(?=[{\w\[])")
_NAME = re.compile(r"[ \t\n]*\[?([\w$.]+)")
_TEMPLATE = re.compile(r"[ \t]*([\w$]+(?:[ \t]*,[ \t]*[\w$]+)*)")
_PLAIN = re.compile(r"[!?]?([A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)((?:\[\])*)=?$")
_IMPORTED = re.compile(r"""\bimport\((['"])([^'"]{1,300})\1\)""")
# Names by which comments mean nothing that can be looked up.
_OPEN = frozenset({"Object", "object", "Function", "function", "any", "mixed", "T"})


@dataclass(slots=True)
class Documented:
    """What one comment declares; type parameters are unknown in it."""

    parameters: dict[str, Expression] = field(default_factory=dict)
    returned: Expression | None = None
    own: Expression | None = None
    """Of what the comment stands before, by `@type`."""


class CommentReader:
    """Reads the comments of one file; in any other language than JavaScript they say nothing."""

    def __init__(self, facts: FactCollector) -> None:
        self._facts = facts
        self.is_asked = facts.path.endswith(JAVASCRIPT_SUFFIXES)

    def read(self, text: str, line: int) -> Documented:
        """What the text of a comment declares; `line` is where imports in it stand."""
        found = Documented()
        if not self.is_asked or "@" not in text:
            return found
        templates: dict[str, Expression] = {}
        for tag, written, rest in _tags(text):
            if tag == "template":
                names = _TEMPLATE.match(rest)
                templates |= dict.fromkeys(re.split(r"\W+", names[1]), UNKNOWN) if names else {}
            elif written is not None:
                declared = substitute(self._type(written, line), templates)
                self._take(found, tag, declared, rest)
        return found

    def _take(self, found: Documented, tag: str, declared: Expression, rest: str) -> None:
        if tag in ("param", "arg", "argument"):
            name = _NAME.match(rest)
            if name is not None and declared != UNKNOWN:
                found.parameters[name[1]] = declared
        elif tag in ("return", "returns"):
            found.returned = declared if declared != UNKNOWN else None
        elif tag == "type":
            found.own = declared if declared != UNKNOWN else None

    def record_types(self, node: Node) -> None:
        """Bind what `@typedef` in a comment names, in the module."""
        text = node_text(node) if self.is_asked else ""
        if "@typedef" not in text:
            return
        line = start_line(node)
        name, members = "", dict[str, Expression]()
        declared: Expression = UNKNOWN
        for tag, written, rest in _tags(_plain_text(text)):
            named = _NAME.match(rest)
            if tag == "typedef" and named is not None:
                self._bind(name, declared, members, line)
                name, members = named[1], {}
                declared = self._type(written, line) if written is not None else UNKNOWN
            elif tag in ("property", "prop") and named is not None and written is not None:
                members[named[1]] = Typed(self._type(written, line))
        self._bind(name, declared, members, line)

    def _bind(
        self, name: str, declared: Expression, members: dict[str, Expression], line: int
    ) -> None:
        if members:
            declared = Record(tuple(members), tuple(members.values()), False)
        if name and declared != UNKNOWN:
            self._facts.bind(self._facts.module, name, declared, line, is_annotation=True)

    def _type(self, written: str, line: int) -> Expression:
        text = written.strip()
        plain = _PLAIN.match(text)
        if plain is not None:
            declared = UNKNOWN if plain[1] in _OPEN else dotted_name(plain[1])
            for _ in range(len(plain[2]) // 2):
                declared = Subscript(Name("Array"), (declared,))
            return declared
        modules: list[str] = []

        def alias(found: re.Match[str]) -> str:
            modules.append(found[2])
            return f"_import_{len(modules) - 1}_"

        declared = _parsed(_modern(_IMPORTED.sub(alias, text)))
        bound: dict[str, Expression] = {}
        for position, module in enumerate(modules):
            # No identifier is written like that.
            name = f'import("{module}")'
            bound[f"_import_{position}_"] = Name(name)
            facts = self._facts
            facts.imports.append(Import(facts.module, module, None, name, 0, line))
        return substitute(declared, bound)


def _tags(text: str) -> Iterator[tuple[str, str | None, str]]:
    """(tag, what stands in braces, what follows) in order."""
    for found in _TAG.finditer(text):
        rest = text[found.end() : found.end() + MAX_TYPE_CHARS]
        written = _braced(rest)
        follows = rest[len(written) + 2 :] if written is not None else rest
        yield found[1], written, follows


def _braced(text: str) -> str | None:
    depth = 0
    for position, character in enumerate(text) if text.startswith("{") else ():
        depth += (character == "{") - (character == "}")
        if not depth:
            return text[1:position]
    return None


def _plain_text(comment: str) -> str:
    lines = comment.removeprefix("/**").removesuffix("*/").splitlines()
    return "\n".join(line.strip().removeprefix("*").strip() for line in lines)


def _modern(text: str) -> str:
    """`Array.<T>`, `?T`, `!T`, `T=`, `...T` and `*` as TypeScript writes them."""
    text = text.replace(".<", "<").rstrip("=").removeprefix("...")
    text = re.sub(r"(?<![\w)\]}>])[?!](?=[\w({])", "", text)
    return re.sub(r"(?<![\w/])\*(?![\w/])", "any", text)


def _parsed(text: str) -> Expression:
    root = _parser().parse(f"type _ = {text};".encode()).root_node
    declaration = root.named_children[0] if root.named_children else None
    if root.has_error or declaration is None:
        return UNKNOWN
    value = declaration.child_by_field_name("value")
    return read_type(value) if value is not None else UNKNOWN


@cache
def _parser() -> Parser:
    return Parser(Grammar(tree_sitter_typescript.language_typescript()))
