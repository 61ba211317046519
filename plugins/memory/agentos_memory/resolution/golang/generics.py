"""Type arguments: substituting them, and inferring them from a call's arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentos_memory.resolution.golang.declarations import TypeParameter
from agentos_memory.resolution.golang.types import (
    UNKNOWN,
    Callee,
    ChannelOf,
    External,
    Function,
    Interface,
    MapOf,
    Named,
    Parametric,
    Results,
    SliceOf,
    Struct,
    Type,
    TypeName,
    Unknown,
)

Substitution = Mapping[TypeParameter, Type]


def substitute(type_: Type, given: Substitution) -> Type:
    """The type with its parameters replaced; parameters that are not given stay."""
    if not given:
        return type_

    def each(types: Sequence[Type]) -> tuple[Type, ...]:
        return tuple([substitute(part, given) for part in types])

    match type_:
        case Parametric(parameter):
            return given.get(parameter, type_)
        case Named(declaration, arguments):
            return Named(declaration, each(arguments)) if arguments else type_
        case External(name, arguments):
            return External(name, each(arguments)) if arguments else type_
        case SliceOf(element):
            return SliceOf(substitute(element, given))
        case ChannelOf(element):
            return ChannelOf(substitute(element, given))
        case MapOf(key, element):
            return MapOf(substitute(key, given), substitute(element, given))
        case Function(parameters, results, is_variadic):
            return Function(each(parameters), each(results), is_variadic)
        case Results(parts):
            return Results(each(parts))
        case TypeName(inner):
            return TypeName(substitute(inner, given))
        case Struct(fields, embedded):
            return Struct(
                tuple([(name, substitute(part, given)) for name, part in fields]),
                tuple([(name, substitute(part, given)) for name, part in embedded]),
            )
        case Interface(methods, embedded_types):
            return Interface(
                tuple([(name, substitute(part, given)) for name, part in methods]),
                each(embedded_types),
            )
        case _:
            return type_


def arguments_of(parameters: Sequence[TypeParameter], arguments: Sequence[Type]) -> Substitution:
    """The parameters with the arguments at their places."""
    return dict(zip(parameters, arguments, strict=False))


def infer(
    callee: Function, arguments: Sequence[Type], open_parameters: Sequence[TypeParameter]
) -> Substitution:
    """The type arguments that the call's arguments tell; what stays open is unknown."""
    found: dict[TypeParameter, Type] = {}
    wanted = frozenset(open_parameters)
    for index, argument in enumerate(arguments):
        pattern = _parameter_at(callee, index)
        if pattern is not None:
            unify(pattern, argument, wanted, found)
    return {parameter: found.get(parameter, UNKNOWN) for parameter in open_parameters}


def unify(
    pattern: Type,
    actual: Type,
    wanted: frozenset[TypeParameter],
    found: dict[TypeParameter, Type],
) -> None:
    """Note in `found` what the wanted parameters must be for `pattern` to be `actual`."""
    if isinstance(actual, Callee):
        actual = actual.type
    match pattern, actual:
        case Parametric(parameter), _ if parameter in wanted:
            if not isinstance(actual, Unknown):
                found.setdefault(parameter, actual)
        case (SliceOf(one), SliceOf(other)) | (ChannelOf(one), ChannelOf(other)):
            unify(one, other, wanted, found)
        case MapOf(key, one), MapOf(other_key, other):
            unify(key, other_key, wanted, found)
            unify(one, other, wanted, found)
        case Function(taken, given), Function(other_taken, other_given):
            _unify_all((*taken, *given), (*other_taken, *other_given), wanted, found)
        case Named(declaration, arguments), Named(other_declaration, others):
            if declaration is other_declaration:
                _unify_all(arguments, others, wanted, found)
        case External(_, arguments), External(_, others):
            _unify_all(arguments, others, wanted, found)


def _unify_all(
    patterns: Sequence[Type],
    actuals: Sequence[Type],
    wanted: frozenset[TypeParameter],
    found: dict[TypeParameter, Type],
) -> None:
    for pattern, actual in zip(patterns, actuals, strict=False):
        unify(pattern, actual, wanted, found)


def _parameter_at(callee: Function, index: int) -> Type | None:
    parameters = callee.parameters
    if callee.is_variadic and index >= len(parameters) - 1:
        last = parameters[-1]
        return last.element if isinstance(last, SliceOf) else last
    return parameters[index] if index < len(parameters) else None
