"""The value of an expression whose names are known: small arithmetic, comparisons, a few functions.

Above: special_cases. Below: `ast`. Nothing is run: what is not in the list below has no value, and what
would grow has none either.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

MAX_NUMBER = 10**12
MAX_CHARS = 1_000
MAX_DEPTH = 20

_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "len": len,
    "abs": abs,
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "sum": sum,
    "sorted": sorted,
    "tuple": tuple,
    "list": list,
}
_METHODS = frozenset({"lower", "upper", "strip", "startswith", "endswith", "title", "casefold"})


class UnfoldableError(Exception):
    """The expression has no value that can be told without running something."""


def folded(node: ast.expr, names: Mapping[str, Any], depth: int = 0) -> Any:
    """The value; UnfoldableError where there is none."""
    if depth > MAX_DEPTH:
        raise UnfoldableError
    try:
        return _bounded(_value(node, names, depth + 1))
    except (TypeError, ValueError, ArithmeticError, KeyError, IndexError) as error:
        raise UnfoldableError from error


def _value(node: ast.expr, names: Mapping[str, Any], depth: int) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return tuple(folded(each, names, depth) for each in node.elts)
    if isinstance(node, ast.UnaryOp):
        return _unary(node, names, depth)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = folded(node.left, names, depth), folded(node.right, names, depth)
        if isinstance(node.op, ast.Mult) and not _are_numbers(left, right):
            raise UnfoldableError
        if isinstance(node.op, ast.Mod) and not _are_numbers(left, right):
            raise UnfoldableError
        return _OPERATORS[type(node.op)](left, right)
    if isinstance(node, ast.BoolOp):
        parts = [bool(folded(each, names, depth)) for each in node.values]
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.Compare):
        return _compared(node, names, depth)
    if isinstance(node, ast.Call) and not node.keywords:
        return _called(node, names, depth)
    raise UnfoldableError


def _unary(node: ast.UnaryOp, names: Mapping[str, Any], depth: int) -> Any:
    value = folded(node.operand, names, depth)
    if isinstance(node.op, ast.Not):
        return not value
    if isinstance(node.op, ast.USub):
        return -value
    if isinstance(node.op, ast.UAdd):
        return +value
    raise UnfoldableError


def _compared(node: ast.Compare, names: Mapping[str, Any], depth: int) -> bool:
    left = folded(node.left, names, depth)
    for sign, side in zip(node.ops, node.comparators, strict=True):
        right = folded(side, names, depth)
        compare = _COMPARISONS.get(type(sign))
        if compare is None:
            raise UnfoldableError
        if not compare(left, right):
            return False
        left = right
    return True


def _called(node: ast.Call, names: Mapping[str, Any], depth: int) -> Any:
    arguments = [folded(each, names, depth) for each in node.args]
    if isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS and len(arguments) == 1:
        return _FUNCTIONS[node.func.id](arguments[0])
    if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
        owner = folded(node.func.value, names, depth)
        if isinstance(owner, str):
            return getattr(owner, node.func.attr)(*arguments)
    raise UnfoldableError


def _are_numbers(left: Any, right: Any) -> bool:
    return isinstance(left, int | float) and isinstance(right, int | float)


def _bounded(value: Any) -> Any:
    if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:
        raise UnfoldableError
    if isinstance(value, str | bytes | tuple | list) and len(value) > MAX_CHARS:
        raise UnfoldableError
    return value
