"""Python expressions as `agentos_memory.expressions`, recording calls on the way.

The statements of `languages.python` use it; it knows nothing of statements. Equal names of a
file are one object, and attributes share their owner: `self.client` is read once, stored once
and evaluated once for a scope.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingType

from tree_sitter import Node

from agentos_memory.expressions import (
    UNKNOWN,
    Attribute,
    Call,
    Choice,
    Element,
    Expression,
    Mapping,
    Name,
    Sequence,
    Subscript,
    Typed,
)
from agentos_memory.languages.collector import (
    MAX_DEPTH,
    MAX_RECEIVER_CHARS,
    FactCollector,
    Scope,
)
from agentos_memory.languages.nodes import start_line
from agentos_memory.languages.python_annotations import TypeReader
from agentos_memory.languages.python_dotted_names import DottedNames
from agentos_memory.languages.python_fixtures import REQUEST, FixtureReader
from agentos_memory.languages.python_grammar import (
    ATTRIBUTE,
    COMMENT,
    FIELD_ARGUMENTS,
    FIELD_ATTRIBUTE,
    FIELD_BODY,
    FIELD_FUNCTION,
    FIELD_LEFT,
    FIELD_NAME,
    FIELD_OBJECT,
    FIELD_OPERATOR,
    FIELD_PARAMETERS,
    FIELD_RIGHT,
    FIELD_VALUE,
    GENERATOR,
    IDENTIFIER,
    KEYWORD_ARGUMENT,
    STRING,
    SourceText,
    kind_id,
)
from agentos_memory.languages.python_literals import (
    BYTES,
    CONSTANTS,
    TESTS,
    TEXT,
    string_prefix,
)
from agentos_memory.languages.python_narrowing import bind_tested
from agentos_memory.languages.python_targets import identifiers, target_parts
from agentos_memory.model import CallSite, Reference, ReferenceRole

MAX_SAMPLES = 8
CASTS = frozenset({"cast", "typing.cast", "t.cast"})
# What these give depends on what they are given; other calls are kept without their arguments.
ARGUMENTS_MATTER = frozenset({
    "list", "sorted", "reversed", "tuple", "set", "frozenset", "iter", "next", "enumerate", "zip",
    "type", "TypeVar", "NewType", "partial", "wraps", "update_wrapper", "getattr", "map", "filter",
    "max", "min", "deepcopy", "copy", "replace", "property", "cached_property", "classmethod",
    "staticmethod", "lru_cache", "cache",
})  # fmt: skip
MENTIONED = frozenset({Name, Attribute})


class ExpressionReader:
    """Turns expression nodes of one file into expressions and records the calls they hold."""

    def __init__(self, facts: FactCollector, source: SourceText) -> None:
        self.facts = facts
        self.source = source
        self.fixtures = FixtureReader(facts, source)
        self._depth = 0
        self._names = DottedNames()
        self._types = TypeReader()

    def read(self, node: Node, scope: Scope) -> Expression:
        """The expression at `node`, looked up from `scope`."""
        kind = node.kind_id
        if kind == IDENTIFIER:
            return self._names.find(self.source.of(node)) or UNKNOWN
        if kind == ATTRIBUTE:
            path = self._names.find(self.source.path_at(node))
            if path is not None:
                return path
        elif kind in CONSTANTS:
            return CONSTANTS[kind]
        if self._depth > MAX_DEPTH:
            return UNKNOWN
        if kind == STRING and self.source.is_plain_string(node):
            return TEXT
        self._depth += 1
        reader = _READERS.get(kind)
        value = reader(self, node, scope) if reader is not None else self._other(node, kind, scope)
        self._depth -= 1
        return value

    def path(self, text: str) -> Expression:
        """The expression of a dotted name."""
        return self._names.find(text) or UNKNOWN

    def annotation(self, node: Node, scope: Scope) -> Expression:
        """The type written at `node`; quoted types are parsed."""
        return self._types.read(node, scope, self)

    def _attribute(self, node: Node, scope: Scope) -> Expression:
        value, name = node.child_by_field_id(FIELD_OBJECT), node.child_by_field_id(FIELD_ATTRIBUTE)
        if value is None or name is None:
            return UNKNOWN
        return Attribute(self.read(value, scope), self.source.of(name))

    def _other(self, node: Node, kind: int, scope: Scope) -> Expression:
        for child in node.named_children:
            self.read(child, scope)
        return TESTS.get(kind, UNKNOWN)

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
            operator = current.child_by_field_id(FIELD_OPERATOR)
            is_union = is_union and operator is not None and operator.type == "|"
            left, right = (
                current.child_by_field_id(FIELD_LEFT),
                current.child_by_field_id(FIELD_RIGHT),
            )
            if left is None or right is None:
                return UNKNOWN
            operands.append(self.read(right, scope))
            current = left
        operands.append(self.read(current, scope))
        return Choice(tuple(reversed(operands))) if is_union else UNKNOWN

    def _string(self, node: Node, scope: Scope) -> Expression:
        prefix = string_prefix(node.start_byte, self.source)
        if "f" in prefix or "t" in prefix:
            self._other(node, 0, scope)
        return BYTES if "b" in prefix else TEXT

    def _concatenated(self, node: Node, scope: Scope) -> Expression:
        return next(iter([self.read(child, scope) for child in node.named_children]), TEXT)

    def _sequence(self, node: Node, scope: Scope) -> Expression:
        elements: list[Expression] = []
        for child in node.named_children:
            element = self.read(child, scope)
            elements.append(element)
            if type(element) in MENTIONED:
                self.mention(element, child, scope.qualified_name, "argument")
        return Sequence(tuple(elements[:MAX_SAMPLES]))

    def _dictionary(self, node: Node, scope: Scope) -> Expression:
        pairs: list[tuple[Expression, Expression]] = []
        for entry in node.named_children:
            parts = [self.read(child, scope) for child in entry.named_children]
            if len(parts) == 2 and entry.type == "pair":
                pairs.append((parts[0], parts[1]))
                self.mention(parts[1], entry, scope.qualified_name, "argument")
        samples = pairs[:MAX_SAMPLES]
        return Mapping(tuple(key for key, _ in samples), tuple(value for _, value in samples))

    def _comprehension(self, node: Node, scope: Scope) -> Expression:
        with self._names.block():
            body, *clauses = node.named_children
            for clause in clauses:
                self._comprehension_clause(clause, scope)
            if body.type == "pair":
                parts = [self.read(child, scope) for child in body.named_children]
                return Mapping(tuple(parts[:1]), tuple(parts[-1:]))
            return Sequence((self.read(body, scope),))

    def _comprehension_clause(self, clause: Node, scope: Scope) -> None:
        target, iterable = (
            clause.child_by_field_id(FIELD_LEFT),
            clause.child_by_field_id(FIELD_RIGHT),
        )
        if clause.type != "for_in_clause" or target is None or iterable is None:
            self._first_child(clause, scope)
            return
        element = Element(self.read(iterable, scope))
        self._names.cover(target_parts(target, element, self.source))

    def _lambda(self, node: Node, scope: Scope) -> Expression:
        parameters, body = (
            node.child_by_field_id(FIELD_PARAMETERS),
            node.child_by_field_id(FIELD_BODY),
        )
        with self._names.block():
            for parameter in parameters.named_children if parameters is not None else []:
                default = parameter.child_by_field_id(FIELD_VALUE)
                if default is not None:
                    self.read(default, scope)
                name = parameter.child_by_field_id(FIELD_NAME) or parameter
                own = identifiers(name, self.source)
                self._names.cover((each, UNKNOWN) for each in own)
            if body is not None:
                self.read(body, scope)
        return UNKNOWN

    def _named(self, node: Node, scope: Scope) -> Expression:
        name, value = node.child_by_field_id(FIELD_NAME), node.child_by_field_id(FIELD_VALUE)
        if name is None or value is None:
            return UNKNOWN
        expression = self.read(value, scope)
        self.facts.bind(scope.qualified_name, self.source.of(name), expression, start_line(node))
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
        children = node.named_children
        if len(children) != 2:
            return self._unusual_call(node, scope)
        function, arguments = children
        kind = function.kind_id
        receiver: str | None = None
        called: Expression | None
        if kind == IDENTIFIER:
            callee = self.source.of(function)
            called = self._names.find(callee)
        elif kind == ATTRIBUTE:
            text = self.source.path_at(function)
            called = self._names.find(text)
            receiver, _, callee = text.rpartition(".")
        else:
            called, callee = self.read(function, scope), ""
        if called is None:
            return self._call_of_value(function, arguments, scope)
        line = function.start_point[0] + 1
        self._record(called, callee, receiver, line, scope)
        return self._with_arguments(called, callee, function, arguments, scope)

    def _call_of_value(self, function: Node, arguments: Node, scope: Scope) -> Expression:
        """A call of an attribute of something that is no name: `f(x).method()`."""
        called = self.read(function, scope)
        owner, *_, last = function.named_children
        callee, receiver = self.source.of(last), self.source.of(owner)
        self._record(called, callee, receiver, last.start_point[0] + 1, scope)
        return self._with_arguments(called, callee, function, arguments, scope)

    def _unusual_call(self, node: Node, scope: Scope) -> Expression:
        """A call with a comment inside, or one that the parser recovered."""
        function = node.child_by_field_id(FIELD_FUNCTION)
        arguments = node.child_by_field_id(FIELD_ARGUMENTS)
        if function is None:
            return UNKNOWN
        called, callee = self.read(function, scope), ""
        receiver: str | None = None
        if function.kind_id == IDENTIFIER:
            callee = self.source.of(function)
        elif function.kind_id == ATTRIBUTE:
            owner, *_, last = function.named_children
            callee, receiver = self.source.of(last), self.source.of(owner)
        self._record(called, callee, receiver, function.end_point[0] + 1, scope)
        if arguments is None:
            return Call(called)
        return self._with_arguments(called, callee, function, arguments, scope)

    def _record(
        self, called: Expression, callee: str, receiver: str | None, line: int, scope: Scope
    ) -> None:
        if receiver is not None:
            receiver = receiver[:MAX_RECEIVER_CHARS]
        self.facts.calls.append(CallSite(scope.qualified_name, callee, receiver, line, called))

    def _with_arguments(
        self, called: Expression, callee: str, function: Node, arguments: Node, scope: Scope
    ) -> Expression:
        if callee == "cast" and self.source.of(function) in CASTS and arguments.named_children:
            return self._cast(arguments, scope)
        if arguments.kind_id == GENERATOR:
            value = self.read(arguments, scope)
            return Call(called, (value,)) if callee in ARGUMENTS_MATTER else Call(called)
        positional: list[Expression] = []
        keywords: list[tuple[str, Expression]] = []
        for argument in arguments.named_children:
            kind = argument.kind_id
            if kind == COMMENT:
                continue
            if kind == KEYWORD_ARGUMENT:
                keywords.append(self._keyword(argument, scope))
                continue
            expression = self.read(argument, scope)
            positional.append(expression)
            if type(expression) in MENTIONED:
                self.mention(expression, argument, scope.qualified_name, "argument")
        if callee == "isinstance":
            bind_tested(called, positional, arguments, scope, self.facts)
        elif callee == REQUEST:
            self.fixtures.request(arguments, scope)
        if callee in ARGUMENTS_MATTER:
            return Call(called, tuple(positional), tuple(keywords))
        return Call(called)

    def _cast(self, arguments: Node, scope: Scope) -> Expression:
        declared, *values = arguments.named_children
        for value in values:
            self.read(value, scope)
        return Typed(self.annotation(declared, scope))

    def _keyword(self, argument: Node, scope: Scope) -> tuple[str, Expression]:
        name, *_, value = argument.named_children
        keyword = self.source.of(name)
        # `TypeVar("T", bound="Base")` quotes a type.
        is_type = keyword == "bound" and value.kind_id == STRING
        expression = (self.annotation if is_type else self.read)(value, scope)
        self.mention(expression, argument, scope.qualified_name, "argument")
        return keyword, expression

    def mention(
        self, value: Expression, node: Node, source: str, role: ReferenceRole = "value"
    ) -> None:
        """Record `value`, standing at `node`, as a reference if it is a name or a dotted name."""
        if type(value) in MENTIONED:
            line = node.start_point[0] + 1
            self.facts.references.append(Reference(source, value, line, role))


# Of the class and not of its instances, which would hold themselves alive by their own methods.
_READERS: MappingType[int, Callable[[ExpressionReader, Node, Scope], Expression]] = {
    kind_id(name): reader
    for name, reader in {
        "attribute": ExpressionReader._attribute,
        "call": ExpressionReader._call,
        "await": ExpressionReader._first_child,
        "parenthesized_expression": ExpressionReader._first_child,
        "conditional_expression": ExpressionReader._conditional,
        "boolean_operator": ExpressionReader._choice_of_children,
        "binary_operator": ExpressionReader._binary,
        "string": ExpressionReader._string,
        "concatenated_string": ExpressionReader._concatenated,
        "list": ExpressionReader._sequence,
        "tuple": ExpressionReader._sequence,
        "set": ExpressionReader._sequence,
        "expression_list": ExpressionReader._sequence,
        "dictionary": ExpressionReader._dictionary,
        "list_comprehension": ExpressionReader._comprehension,
        "set_comprehension": ExpressionReader._comprehension,
        "generator_expression": ExpressionReader._comprehension,
        "dictionary_comprehension": ExpressionReader._comprehension,
        "lambda": ExpressionReader._lambda,
        "named_expression": ExpressionReader._named,
        "subscript": ExpressionReader._subscript,
        "yield": ExpressionReader._yield,
    }.items()
}
