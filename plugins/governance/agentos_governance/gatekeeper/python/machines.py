"""Whether a condition about the machine holds on every machine that there is.

Above: skips. Below: `ast`. `sys.platform != "vms"` reads like a question about the platform, and
is true wherever anybody runs tests.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from agentos_governance.gatekeeper.python.assertions import dotted

_SYSTEMS = (("linux", "posix", "Linux"), ("darwin", "posix", "Darwin"), ("win32", "nt", "Windows"))
_VERSIONS = tuple((3, minor) for minor in range(9, 16))
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda a, b: bool(a == b),
    ast.NotEq: lambda a, b: bool(a != b),
    ast.Lt: lambda a, b: bool(a < b),
    ast.LtE: lambda a, b: bool(a <= b),
    ast.Gt: lambda a, b: bool(a > b),
    ast.GtE: lambda a, b: bool(a >= b),
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


class _UnknownError(Exception):
    """The condition asks something else."""


def holds_everywhere(condition: ast.expr) -> bool:
    """Whether it is true on Linux, macOS and Windows with every current Python."""
    try:
        return all(
            _value(condition, _facts(system, version))
            for system, version in product(_SYSTEMS, _VERSIONS)
        )
    except (_UnknownError, TypeError, ValueError, RecursionError):
        return False


def _facts(system: tuple[str, str, str], version: tuple[int, int]) -> dict[str, Any]:
    return {
        "sys.platform": system[0],
        "os.name": system[1],
        "platform.system()": system[2],
        "sys.version_info": (*version, 5, "final", 0),
        "sys.version_info.major": version[0],
        "sys.version_info.minor": version[1],
    }


def _value(node: ast.expr, facts: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant | ast.Tuple | ast.List | ast.Set):
        return ast.literal_eval(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _value(node.operand, facts)
    if isinstance(node, ast.BoolOp):
        parts = [bool(_value(each, facts)) for each in node.values]
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.Compare):
        return _compared(node, facts)
    if isinstance(node, ast.Subscript):
        return _sliced(node, facts)
    if isinstance(node, ast.Call):
        return _called(node, facts)
    name = dotted(node)
    if name not in facts:
        raise _UnknownError
    return facts[name]


def _compared(node: ast.Compare, facts: Mapping[str, Any]) -> bool:
    left = _value(node.left, facts)
    for operator, side in zip(node.ops, node.comparators, strict=True):
        right = _value(side, facts)
        compare = _COMPARISONS.get(type(operator))
        if compare is None:
            raise _UnknownError
        if not compare(left, right):
            return False
        left = right
    return True


def _sliced(node: ast.Subscript, facts: Mapping[str, Any]) -> Any:
    value = _value(node.value, facts)
    if isinstance(node.slice, ast.Slice):
        upper = ast.literal_eval(node.slice.upper) if node.slice.upper is not None else None
        return value[:upper]
    return value[ast.literal_eval(node.slice)]


def _called(node: ast.Call, facts: Mapping[str, Any]) -> Any:
    name = f"{dotted(node.func)}()"
    if name in facts:
        return facts[name]
    if isinstance(node.func, ast.Attribute) and node.func.attr in {"startswith", "lower"}:
        owner = _value(node.func.value, facts)
        arguments = [_value(each, facts) for each in node.args]
        return owner.startswith(*arguments) if arguments else owner.lower()
    raise _UnknownError
