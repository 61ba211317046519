"""Warnings and logs that a module of Python switches off for the whole process, and for good.

Above: in_python. Below: `ast`. What is switched off within `catch_warnings` ends with it; a filter that
names a module or a message is about one thing that somebody knows.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agentos_governance.gatekeeper.python.assertions import last_name, text_of

_FILTERS = frozenset({"simplefilter", "filterwarnings"})
_WORST = frozenset({"CRITICAL", "FATAL", "ERROR"})
_NARROW = frozenset({"module", "message"})


def silenced_warnings(tree: ast.Module) -> Iterator[ast.Call]:
    """Calls that silence all of a kind, wherever it comes from."""
    bounded = {
        id(each)
        for node in ast.walk(tree)
        if isinstance(node, ast.With) and any(map(_is_bounding, node.items))
        for each in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and id(node) not in bounded and _silences(node):
            yield node


def _is_bounding(item: ast.withitem) -> bool:
    call = item.context_expr
    return isinstance(call, ast.Call) and last_name(call.func) == "catch_warnings"


def _silences(call: ast.Call) -> bool:
    name = last_name(call.func)
    if name == "disable":
        level = call.args[0] if call.args else None
        return text_of(call.func) == "logging.disable" and (
            level is None or last_name(level) in _WORST
        )
    first = call.args[0] if call.args else None
    if name not in _FILTERS or not (isinstance(first, ast.Constant) and first.value == "ignore"):
        return False
    # The second argument of `filterwarnings` is a message, that of `simplefilter` a category.
    is_narrow = any(each.arg in _NARROW for each in call.keywords)
    return not (is_narrow or (name == "filterwarnings" and len(call.args) > 1))
