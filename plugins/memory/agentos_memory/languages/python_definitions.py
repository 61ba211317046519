"""Headers of Python functions and classes: parameters, decorators, bases, docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from tree_sitter import Node

from agentos_memory.expressions import UNKNOWN, Call, Expression, Name, Subscript
from agentos_memory.languages.collector import Scope
from agentos_memory.languages.nodes import start_line
from agentos_memory.languages.python_annotations import string_content
from agentos_memory.languages.python_expressions import ExpressionReader
from agentos_memory.languages.python_fixtures import MARKS
from agentos_memory.languages.python_grammar import (
    COMMENT,
    EXPRESSION_STATEMENT,
    FIELD_FUNCTION,
    FIELD_NAME,
    FIELD_PARAMETERS,
    FIELD_SUPERCLASSES,
    FIELD_TYPE,
    FIELD_VALUE,
    STRING,
    SourceText,
)
from agentos_memory.languages.python_targets import identifiers

# Dotted names without call arguments, in source order.
Decorators = Sequence[str]


def docstring_of(body: Node | None, source: SourceText) -> str:
    """The cleaned docstring that opens a body, "" without one."""
    for statement in body.named_children if body is not None else []:
        kind = statement.kind_id
        if kind == COMMENT:
            continue
        literal = statement.named_child(0) if kind == EXPRESSION_STATEMENT else None
        if literal is None or literal.kind_id != STRING:
            return ""
        return inspect.cleandoc(string_content(literal, source))
    return ""


def header_text(node: Node, body: Node | None, source: SourceText) -> str:
    """Text of a definition before its body, on one line, without the closing colon."""
    end = body.start_byte if body is not None else node.end_byte
    text = source.between(node.start_byte, end)
    return " ".join(text.split()).removesuffix(":").rstrip(" {=")


def read_decorators(
    node: Node, scope: Scope, decorated: str, reader: ExpressionReader
) -> Decorators:
    """Names of a definition's decorators; their calls are recorded in `scope`.

    Each is mentioned by the definition itself, whose qualified name is `decorated`.
    """
    names: list[str] = []
    for child in node.named_children:
        if child.type != "decorator" or not child.named_children:
            continue
        expression = child.named_children[0]
        value = reader.read(expression, scope)
        function = value.function if isinstance(value, Call) else value
        reader.mention(function, child, decorated or scope.qualified_name, "decorator")
        called = expression.child_by_field_id(FIELD_FUNCTION) or expression
        name = reader.source.of(called)
        if called is not expression and name.endswith(MARKS):
            reader.fixtures.mark(expression, decorated or scope.qualified_name)
        names.append(name)
    return tuple(names)


def read_bases(
    node: Node, scope: Scope, reader: ExpressionReader
) -> tuple[tuple[str, Expression], ...]:
    """Base classes as (text, expression); keywords such as `metaclass=` are read, not given."""
    arguments = node.child_by_field_id(FIELD_SUPERCLASSES)
    bases: list[tuple[str, Expression]] = []
    for argument in arguments.named_children if arguments is not None else []:
        value = reader.read(argument, scope)
        if argument.type not in ("keyword_argument", "list_splat", "comment"):
            bases.append((reader.source.of(argument), value))
    return tuple(bases)


def bind_parameters(
    node: Node,
    scope: Scope,
    function: str,
    decorators: Decorators,
    reader: ExpressionReader,
) -> tuple[str, ...]:
    """Bind the parameters in `function` and give the positional ones in order.

    Annotations and defaults are evaluated in `scope`, the one around the function. A method's
    first parameter is not bound here: the resolver knows what it is.
    """
    parameters = node.child_by_field_id(FIELD_PARAMETERS)
    is_method = scope.kind == "class" and "staticmethod" not in decorators
    names: list[str] = []
    after_star = False
    for index, parameter in enumerate(parameters.named_children if parameters is not None else []):
        if parameter.type == "keyword_separator" or "splat" in parameter.type:
            after_star = True
        name = next(iter(_names_of(parameter, reader.source)), None)
        if name is None:
            continue
        if not after_star and not _is_splat(parameter):
            names.append(name)
        if index > 0 or not is_method:
            _bind_parameter(parameter, name, scope, function, reader)
    return tuple(names)


def receiver_types(node: Node, scope: Scope, reader: ExpressionReader) -> tuple[Expression, ...]:
    """Spellings of the receiver's own type in `def method(self: T)` or `cls: type[T]`."""
    parameters = node.child_by_field_id(FIELD_PARAMETERS)
    first = next(iter(parameters.named_children), None) if parameters is not None else None
    declared = first.child_by_field_id(FIELD_TYPE) if first is not None else None
    if scope.kind != "class" or declared is None:
        return ()
    annotation = reader.annotation(declared, scope)
    return annotation.indices if isinstance(annotation, Subscript) else (annotation,)


def _bind_parameter(
    parameter: Node, name: str, scope: Scope, function: str, reader: ExpressionReader
) -> None:
    declared = parameter.child_by_field_id(FIELD_TYPE)
    default = parameter.child_by_field_id(FIELD_VALUE)
    value = reader.read(default, scope) if default is not None else None
    line = start_line(parameter)
    outer = scope.qualified_name
    if declared is not None:
        annotation = _spread(parameter, reader.annotation(declared, scope))
        reader.facts.bind(function, name, annotation, line, evaluated_in=outer, is_annotation=True)
        return
    if value is not None:
        reader.mention(value, parameter, scope.qualified_name)
    # A bare parameter is bound too: it hides a global of the same name.
    reader.facts.bind(function, name, value or UNKNOWN, line, evaluated_in=outer)


def _spread(parameter: Node, annotation: Expression) -> Expression:
    """The parameter's own type: `*args: T` is a tuple of T, `**options: T` a dict of T."""
    kinds = {child.type for child in parameter.named_children}
    if "list_splat_pattern" in kinds:
        return Subscript(Name("tuple"), (annotation,))
    if "dictionary_splat_pattern" in kinds:
        return Subscript(Name("dict"), (annotation,))
    return annotation


def _is_splat(parameter: Node) -> bool:
    return any("splat" in child.type for child in (parameter, *parameter.named_children))


def _names_of(parameter: Node, source: SourceText) -> list[str]:
    if parameter.type in ("default_parameter", "typed_default_parameter"):
        name = parameter.child_by_field_id(FIELD_NAME)
        return identifiers(name, source) if name is not None else []
    if parameter.type == "typed_parameter":
        return identifiers(parameter.named_children[0], source)
    return identifiers(parameter, source)
