"""Python expressions as `agentos_memory.expressions`, recording calls on the way.

The statements of `languages.python` use it; it knows nothing of statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingType
from contextlib import contextmanager

import tree_sitter_python
from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser

from agentos_memory.expressions import (
    UNKNOWN,
    Attribute,
    Call,
    Choice,
    Element,
    Expression,
    Item,
    Literal,
    Mapping,
    Name,
    Sequence,
    Subscript,
    Typed,
)
from agentos_memory.languages.collector import MAX_DEPTH, FactCollector, Scope
from agentos_memory.languages.nodes import node_text, start_line

MAX_SAMPLES = 8
TARGET_PATTERNS = frozenset({"pattern_list", "tuple_pattern", "list_pattern", "tuple", "list"})
CASTS = (Name("cast"), Attribute(Name("typing"), "cast"), Attribute(Name("t"), "cast"))
LITERALS: MappingType[str, Literal] = {
    "integer": Literal("int"),
    "float": Literal("float"),
    "true": Literal("bool"),
    "false": Literal("bool"),
    "none": Literal("None"),
    "not_operator": Literal("bool"),
    "comparison_operator": Literal("bool"),
}


def load_grammar() -> Grammar:
    """The Python grammar of the installed wheel."""
    return Grammar(tree_sitter_python.language())


class ExpressionReader:
    """Turns expression nodes of one file into expressions and records the calls they hold."""

    def __init__(self, facts: FactCollector) -> None:
        self.facts = facts
        self._shadows: dict[str, Expression] = {}
        self._depth = 0
        self._quoted: dict[str, Expression] = {}
        self._readers: MappingType[str, Callable[[Node, Scope], Expression]] = {
            "identifier": self._identifier,
            "attribute": self._attribute,
            "call": self._call,
            "await": self._first_child,
            "parenthesized_expression": self._first_child,
            "conditional_expression": self._conditional,
            "boolean_operator": self._choice_of_children,
            "binary_operator": self._binary,
            "string": self._string,
            "concatenated_string": self._string,
            "list": self._sequence,
            "tuple": self._sequence,
            "set": self._sequence,
            "expression_list": self._sequence,
            "dictionary": self._dictionary,
            "list_comprehension": self._comprehension,
            "set_comprehension": self._comprehension,
            "generator_expression": self._comprehension,
            "dictionary_comprehension": self._comprehension,
            "lambda": self._lambda,
            "named_expression": self._named,
            "subscript": self._subscript,
            "yield": self._yield,
        }

    def read(self, node: Node, scope: Scope) -> Expression:
        """The expression at `node`, looked up from `scope`."""
        if self._depth > MAX_DEPTH:
            return UNKNOWN
        self._depth += 1
        try:
            reader = self._readers.get(node.type)
            if reader is not None:
                return reader(node, scope)
            for child in node.named_children:
                self.read(child, scope)
            return LITERALS.get(node.type, UNKNOWN)
        finally:
            self._depth -= 1

    def annotation(self, node: Node, scope: Scope) -> Expression:
        """The type written at `node`; quoted types are parsed."""
        match node.type:
            case "type" | "parenthesized_expression":
                inner = node.named_children
                return self.annotation(inner[0], scope) if inner else UNKNOWN
            case "string":
                return self._quoted_annotation(node, scope)
            case "binary_operator" | "union_type":
                return Choice(tuple(self.annotation(c, scope) for c in node.named_children))
            case "subscript" | "generic_type":
                return self._generic(node, scope)
            case "member_type":
                return _dotted(node_text(node))
            case "list":
                return Sequence(tuple(self.annotation(c, scope) for c in node.named_children))
            case _:
                return self.read(node, scope)

    def _quoted_annotation(self, node: Node, scope: Scope) -> Expression:
        text = string_content(node).strip()
        if text not in self._quoted:
            root = Parser(load_grammar()).parse(text.encode()).root_node
            statement = root.named_children[0] if root.named_children else None
            is_type = statement is not None and statement.type == "expression_statement"
            if is_type and statement is not None and not root.has_error:
                self._quoted[text] = self.annotation(statement.named_children[0], scope)
            else:
                self._quoted[text] = UNKNOWN
        return self._quoted[text]

    def _generic(self, node: Node, scope: Scope) -> Expression:
        head, *arguments = node.named_children
        if len(arguments) == 1 and arguments[0].type == "type_parameter":
            arguments = arguments[0].named_children
        if len(arguments) == 1 and arguments[0].type == "tuple":
            arguments = arguments[0].named_children
        types = tuple(self.annotation(argument, scope) for argument in arguments)
        return Subscript(self.annotation(head, scope), types)

    def _identifier(self, node: Node, scope: Scope) -> Expression:
        name = node_text(node)
        return self._shadows.get(name) or Name(name)

    def _attribute(self, node: Node, scope: Scope) -> Expression:
        value, name = node.child_by_field_name("object"), node.child_by_field_name("attribute")
        if value is None or name is None:
            return UNKNOWN
        return Attribute(self.read(value, scope), node_text(name))

    def _first_child(self, node: Node, scope: Scope) -> Expression:
        children = [self.read(child, scope) for child in node.named_children]
        return children[0] if children else UNKNOWN

    def _conditional(self, node: Node, scope: Scope) -> Expression:
        parts = [self.read(child, scope) for child in node.named_children]
        return Choice((parts[0], parts[-1])) if len(parts) >= 3 else UNKNOWN

    def _choice_of_children(self, node: Node, scope: Scope) -> Expression:
        return Choice(tuple(self.read(child, scope) for child in node.named_children))

    def _binary(self, node: Node, scope: Scope) -> Expression:
        # Left-nested chains (long string sums) are walked in a loop: they exceed any recursion limit.
        operands: list[Expression] = []
        is_union = True
        current = node
        while current.type == "binary_operator":
            operator = current.child_by_field_name("operator")
            is_union = is_union and operator is not None and operator.type == "|"
            left, right = current.child_by_field_name("left"), current.child_by_field_name("right")
            if left is None or right is None:
                return UNKNOWN
            operands.append(self.read(right, scope))
            current = left
        operands.append(self.read(current, scope))
        return Choice(tuple(reversed(operands))) if is_union else UNKNOWN

    def _string(self, node: Node, scope: Scope) -> Expression:
        for child in node.named_children:
            if child.type == "interpolation" or child.type == "string":
                self.read(child, scope)
        prefix = (node.text or b"")[:2].lower()
        return Literal("bytes" if b"b" in prefix.split(b'"')[0].split(b"'")[0] else "str")

    def _sequence(self, node: Node, scope: Scope) -> Expression:
        elements = [self.read(child, scope) for child in node.named_children]
        for child, element in zip(node.named_children, elements, strict=True):
            self.facts.mention(scope, element, start_line(child))
        return Sequence(tuple(elements[:MAX_SAMPLES]))

    def _dictionary(self, node: Node, scope: Scope) -> Expression:
        pairs: list[tuple[Expression, Expression]] = []
        for entry in node.named_children:
            parts = [self.read(child, scope) for child in entry.named_children]
            if entry.type == "pair" and len(parts) == 2:
                pairs.append((parts[0], parts[1]))
                self.facts.mention(scope, parts[1], start_line(entry))
        samples = pairs[:MAX_SAMPLES]
        return Mapping(tuple(key for key, _ in samples), tuple(value for _, value in samples))

    def _comprehension(self, node: Node, scope: Scope) -> Expression:
        with self._shadowing():
            body, *clauses = node.named_children
            for clause in clauses:
                self._comprehension_clause(clause, scope)
            if body.type == "pair":
                parts = [self.read(child, scope) for child in body.named_children]
                return Mapping(tuple(parts[:1]), tuple(parts[-1:]))
            return Sequence((self.read(body, scope),))

    def _comprehension_clause(self, clause: Node, scope: Scope) -> None:
        target, iterable = clause.child_by_field_name("left"), clause.child_by_field_name("right")
        if clause.type != "for_in_clause" or target is None or iterable is None:
            self._first_child(clause, scope)
            return
        element = Element(self.read(iterable, scope))
        self._shadows.update(target_parts(target, element))

    def _lambda(self, node: Node, scope: Scope) -> Expression:
        parameters, body = node.child_by_field_name("parameters"), node.child_by_field_name("body")
        with self._shadowing():
            for parameter in parameters.named_children if parameters is not None else []:
                default = parameter.child_by_field_name("value")
                if default is not None:
                    self.read(default, scope)
                name = parameter.child_by_field_name("name") or parameter
                self._shadows.update(dict.fromkeys(identifiers(name), UNKNOWN))
            if body is not None:
                self.read(body, scope)
        return UNKNOWN

    def _named(self, node: Node, scope: Scope) -> Expression:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None or value is None:
            return UNKNOWN
        expression = self.read(value, scope)
        self.facts.bind(scope.qualified_name, node_text(name), expression, start_line(node))
        return expression

    def _subscript(self, node: Node, scope: Scope) -> Expression:
        value, *indices = [self.read(child, scope) for child in node.named_children]
        return Subscript(value, tuple(indices))

    def _yield(self, node: Node, scope: Scope) -> Expression:
        values = [self.read(child, scope) for child in node.named_children]
        if values and self.facts.open_functions:
            delegates = any(child.type == "from" for child in node.children)
            value: Expression = Element(values[0]) if delegates else values[0]
            self.facts.open_functions[-1].yielded.append(value)
        return UNKNOWN

    def _call(self, node: Node, scope: Scope) -> Expression:
        function, arguments = (
            node.child_by_field_name("function"),
            node.child_by_field_name("arguments"),
        )
        if function is None:
            return UNKNOWN
        called = self.read(function, scope)
        receiver: str | None = None
        line = start_line(function)
        if function.type == "attribute":
            object_node = function.child_by_field_name("object")
            receiver = node_text(object_node) if object_node is not None else ""
            name_node = function.child_by_field_name("attribute")
            line = start_line(name_node) if name_node is not None else line
        self.facts.call(scope, called, receiver, line)
        if called in CASTS and arguments is not None and arguments.named_children:
            declared, *values = arguments.named_children
            for value in values:
                self.read(value, scope)
            return Typed(self.annotation(declared, scope))
        return self._with_arguments(called, arguments, scope)

    def _with_arguments(
        self, called: Expression, arguments: Node | None, scope: Scope
    ) -> Expression:
        if arguments is None:
            return Call(called)
        if arguments.type == "generator_expression":
            return Call(called, (self.read(arguments, scope),))
        positional: list[Expression] = []
        keywords: list[tuple[str, Expression]] = []
        for argument in arguments.named_children:
            if argument.type == "comment":
                continue
            name = argument.child_by_field_name("name")
            value = argument.child_by_field_name("value")
            if argument.type == "keyword_argument" and name is not None and value is not None:
                # `TypeVar("T", bound="Base")` quotes a type.
                is_type = value.type == "string" and node_text(name) == "bound"
                expression = (self.annotation if is_type else self.read)(value, scope)
                keywords.append((node_text(name), expression))
            else:
                expression = self.read(argument, scope)
                positional.append(expression)
            self.facts.mention(scope, expression, start_line(argument))
        self._narrow(called, positional, arguments, scope)
        return Call(called, tuple(positional), tuple(keywords))

    def _narrow(
        self, called: Expression, positional: list[Expression], arguments: Node, scope: Scope
    ) -> None:
        if called != Name("isinstance") or len(positional) != 2 or scope.kind != "function":
            return
        subject, tested = positional
        if isinstance(subject, Name):
            types = tested.elements if isinstance(tested, Sequence) else (tested,)
            self.facts.bind(
                scope.qualified_name,
                subject.identifier,
                Choice(types),
                start_line(arguments),
                is_annotation=True,
            )

    @contextmanager
    def _shadowing(self) -> Iterator[None]:
        outer = self._shadows
        self._shadows = dict(outer)
        try:
            yield
        finally:
            self._shadows = outer


def target_parts(target: Node, value: Expression) -> Iterator[tuple[str, Expression]]:
    """Every name that a target pattern binds, with the part of `value` it gets."""
    if target.type == "identifier":
        yield node_text(target), value
    elif target.type in TARGET_PATTERNS:
        for index, child in enumerate(target.named_children):
            yield from target_parts(child, Item(value, index))
    elif target.type in ("list_splat_pattern", "parenthesized_expression"):
        for child in target.named_children:
            yield from target_parts(child, UNKNOWN)


def identifiers(pattern: Node) -> list[str]:
    """Every name that a target pattern binds."""
    if pattern.type == "identifier":
        return [node_text(pattern)]
    if pattern.type in ("attribute", "subscript"):
        return []
    return [name for child in pattern.named_children for name in identifiers(child)]


def string_content(node: Node) -> str:
    """Text between the quotes of a string without interpolations, escapes left as written."""
    return "".join(node_text(c) for c in node.named_children if c.type == "string_content")


def _dotted(text: str) -> Expression:
    first, *rest = text.split(".")
    expression: Expression = Name(first)
    for part in rest:
        expression = Attribute(expression, part)
    return expression
