"""The extractor that serves every language read by queries.

Matches are taken in the order of the text with a stack of the definitions that are open, so that
each fact knows its scope without walking the tree. Above: the languages' declarations. Below:
`syntax`, expressions, comments, the collector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, cast

from tree_sitter import Language as Grammar
from tree_sitter import Node, Query, QueryCursor

from agentos_memory.expressions import UNKNOWN, Attribute, Element, Expression, Name
from agentos_memory.languages.collector import FactCollector, Scope, Span, last_name
from agentos_memory.languages.comments import Comments
from agentos_memory.languages.nesting import is_too_deep
from agentos_memory.languages.nodes import end_line, header_text, node_text, start_line
from agentos_memory.languages.queried_expressions import MAX_NAME_CHARS, ExpressionReader
from agentos_memory.languages.syntax import CALL_MARK, Syntax
from agentos_memory.languages.written_types import dotted
from agentos_memory.model import ClassFacts, FunctionFacts, Import, SymbolKind

MAX_SIGNATURE_CHARS = 1_000
MAX_RECEIVER_CHARS = 120
CLASS_KINDS = frozenset({"class", "interface"})
# What a definition may stand in without being a part of it.
LEAF_KINDS = frozenset({"variable", "type", "enum"})
# A binding of the module by this name says in which package or namespace the file is.
NAMESPACE = "<namespace>"
# Among a function's decorators: it is declared here and defined elsewhere, if at all.
DECLARED_ONLY = "extern"

_Match = Mapping[str, list[Node]]


@dataclass(slots=True)
class _Open:
    """A definition whose text is being read."""

    scope: Scope
    kind: str
    end: int
    line: int
    returns: Expression | None = None
    is_declared_only: bool = False
    parameters: list[str] = field(default_factory=list)
    decorators: list[str] = field(default_factory=list)
    bases: list[Expression] = field(default_factory=list)
    written_bases: list[str] = field(default_factory=list)
    position: int = -1


@dataclass(frozen=True, slots=True)
class QueriedExtractor:
    """Fills a collector from a file's tree by the query of a `Syntax`; an `Extractor`."""

    syntax: Syntax
    load_grammar: Callable[[], Grammar]

    def __call__(self, root: Node, facts: FactCollector) -> None:
        """Fill `facts` from the root node; RecursionError for a tree nested beyond measure."""
        if is_too_deep(root):
            raise RecursionError
        _Reading(self.syntax, facts, root).run(
            root, _compiled(self.load_grammar, self.syntax.query)
        )


class _Reading:
    def __init__(self, syntax: Syntax, facts: FactCollector, root: Node) -> None:
        self._syntax = syntax
        self._comments = Comments(root)
        self._facts = facts
        self._reader = ExpressionReader(syntax)
        module = Scope(facts.module, "module")
        self._locals: set[tuple[str, str]] = set()
        self._stack = [_Open(module, "module", 1 << 62, 1)]

    def run(self, root: Node, query: Query) -> None:
        events = []
        # Each pattern has one subject.
        subjects: dict[int, str] = {}
        for pattern, match in QueryCursor(query).matches(root):
            subject = subjects.get(pattern) or subjects.setdefault(pattern, _subject(match))
            node = match[subject][0]
            events.append((node.start_byte, -node.end_byte, pattern, subject, node, match))
        events.sort(key=lambda event: event[:3])
        seen: set[tuple[int, int, str]] = set()
        for start, end, _, subject, node, match in events:
            if subject.startswith("definition"):
                # Optional parts of a pattern may match one definition several times.
                if (start, end, subject) in seen:
                    continue
                seen.add((start, end, subject))
            while start >= self._stack[-1].end:
                self._close()
            self._take(subject, node, match)
        while len(self._stack) > 1:
            self._close()

    def _take(self, subject: str, node: Node, match: _Match) -> None:
        what, _, kind = subject.partition(".")
        match what:
            case "definition":
                self._define(node, kind, match)
            case "call":
                self._call(node)
            case "binding" | "parameter" | "field":
                self._bind(what, node, match)
            case "import":
                self._import(node)
            case "base":
                self._base(node)
            case "static":
                self._stack[-1].decorators.append("static")
            case "comment":
                self._comments.note(node)
            case "between":
                self._comments.note_between(node)
            case "around":
                self._comments.note_around(node)
            case "alias":
                self._alias(node, match)
            case "namespace":
                named = match["name"][0] if "name" in match else node
                self._facts.bind(
                    self._facts.module, NAMESPACE, dotted(node_text(named)), start_line(node)
                )

    def _define(self, node: Node, kind: str, match: _Match) -> None:
        names = match.get("name")
        if not names:
            return
        if "declared" in match and self._stack[-1].scope.kind == "function":
            return
        owner, is_class = self._owner(match)
        if kind == "function" and is_class:
            kind = "method"
        qualified_name = self._facts.define(
            owner,
            self._name(names),
            cast(SymbolKind, kind),
            Span(start_line(node), end_line(node), start_line(names[0])),
            signature=header_text(node, match["body"][0] if "body" in match else None)[
                :MAX_SIGNATURE_CHARS
            ],
            docstring=self._comments.above(node.start_point.row),
        )
        opened = _Open(
            Scope(qualified_name, _scope_kind(kind)), kind, node.end_byte, start_line(node)
        )
        opened.position = len(self._facts.symbols) - 1
        opened.is_declared_only = "declared" in match
        if "property" in match:
            opened.decorators.append("property")
        if "returns" in match:
            opened.returns = self._reader.type(match["returns"][0])
        self._stack.append(opened)

    def _name(self, nodes: list[Node]) -> str:
        parts = (" ".join(node_text(node).split()).strip("\"'`[]") for node in nodes)
        text = ".".join(parts).replace("::", ".").replace("\\", ".")
        return text[:MAX_NAME_CHARS]

    def _owner(self, match: _Match) -> tuple[Scope, bool]:
        """What the definition is a part of, and whether that is a class."""
        outer = next(each for each in reversed(self._stack) if each.kind not in LEAF_KINDS)
        written = ".".join(map(node_text, match.get("owner", ()))) or "self"
        if written == "self":
            return outer.scope, outer.kind in CLASS_KINDS
        dotted_name = written.replace("::", ".").partition("<")[0]
        return Scope(self._facts.qualify(outer.scope, dotted_name), "class"), True

    def _close(self) -> None:
        closed = self._stack.pop()
        symbol = self._facts.symbols[closed.position]
        if closed.written_bases:
            symbol.bases = tuple(closed.written_bases)
        if closed.decorators:
            symbol.decorators = tuple(closed.decorators)
        if closed.kind in CLASS_KINDS:
            facts = ClassFacts(closed.scope.qualified_name, closed.line, tuple(closed.bases))
            self._facts.classes.append(facts)
        elif closed.scope.kind == "function":
            marks = [*closed.decorators, *([DECLARED_ONLY] if closed.is_declared_only else [])]
            self._facts.functions.append(
                FunctionFacts(
                    closed.scope.qualified_name, closed.line, tuple(closed.parameters),
                    tuple(marks), closed.returns, (), (),
                )
            )  # fmt: skip

    def _base(self, node: Node) -> None:
        opened = next((o for o in reversed(self._stack) if o.kind in CLASS_KINDS), None)
        if opened is not None:
            base = self._reader.type(node) or UNKNOWN
            opened.bases.append(base)
            opened.written_bases.append(node_text(node)[:200])

    def _bind(self, what: str, node: Node, match: _Match) -> None:
        value: Expression | None = None
        if "type" in match:
            value = self._reader.typed(match["type"][0])
        if value is None and "value" in match:
            value = self._reader.read(match["value"][0])
        if value is None and "iterated" in match:
            value = Element(self._reader.read(match["iterated"][0]))
        opened = self._holder(what)
        for named in match.get("name", ()):
            name = node_text(named)
            if what == "field":
                name = name.removeprefix(self._syntax.field_sigil)
            self._locals.add((opened.scope.qualified_name, name))
            if what == "parameter":
                opened.parameters.append(name)
            self._facts.bind(
                opened.scope.qualified_name,
                name,
                value or UNKNOWN,
                start_line(node),
                evaluated_in=self._stack[-1].scope.qualified_name,
                on_instance=opened.kind in CLASS_KINDS,
            )

    def _alias(self, node: Node, match: _Match) -> None:
        if "name" in match and "type" in match:
            declared = self._reader.type(match["type"][0]) or UNKNOWN
            scope = self._holder("alias").scope.qualified_name
            name, line = node_text(match["name"][0]), start_line(node)
            self._facts.bind(scope, name, declared, line, is_annotation=True)

    def _holder(self, what: str) -> _Open:
        if what == "field":
            found = next((o for o in reversed(self._stack) if o.kind in CLASS_KINDS), None)
            return found or self._stack[0]
        return next(o for o in reversed(self._stack) if o.kind not in LEAF_KINDS)

    def _call(self, node: Node) -> None:
        scope = self._stack[-1].scope
        if (
            self._syntax.has_bare_calls
            and node.type in self._syntax.names
            and (scope.qualified_name, node_text(node)) in self._locals
        ):
            return
        function = self._reader.called(node)
        if self._syntax.repeats_super and function == Name("super"):
            function = Attribute(function, scope.qualified_name.rpartition(".")[2])
        receiver = self._receiver(node, function)
        self._facts.call(scope, function, receiver, start_line(node))
        site = self._facts.calls[-1]
        site.callee = site.callee.removesuffix(CALL_MARK)

    def _receiver(self, node: Node, function: Expression) -> str | None:
        if isinstance(function, Name) or node.type in self._syntax.created:
            return None
        call = self._syntax.calls[node.type]
        held = node.child_by_field_name(call.receiver or call.name) if call.name else None
        if held is None:
            return None
        text = (held.text or b"")[: 4 * MAX_RECEIVER_CHARS].decode("utf-8", "replace")
        if call.receiver is None and not last_name(function):
            return None
        if call.receiver is None:
            text = text.rpartition(last_name(function))[0].rstrip(".:>-? ")
        return text[:MAX_RECEIVER_CHARS] or None

    def _import(self, node: Node) -> None:
        opened = next(
            o
            for o in reversed(self._stack)
            if o.kind not in LEAF_KINDS and o.kind not in CLASS_KINDS
        )
        for module, name, bound, level in self._syntax.read_imports(node):
            self._facts.imports.append(
                Import(opened.scope.qualified_name, module, name, bound, level, start_line(node))
            )


def _subject(match: _Match) -> str:
    for name in match:
        if name.partition(".")[0] in _SUBJECTS:
            return name
    raise ValueError(f"a pattern captures no subject, only {', '.join(match)}")


_SUBJECTS = frozenset({
    "definition", "call", "binding", "parameter", "field", "import", "base", "static", "namespace",
    "alias", "comment", "between", "around",
})  # fmt: skip


def _scope_kind(kind: str) -> Literal["class", "function"]:
    # A namespace's members are written after a dot, as a class's are.
    return "function" if kind in ("function", "method") else "class"


@cache
def _compiled(load_grammar: Callable[[], Grammar], text: str) -> Query:
    return Query(load_grammar(), text)
