"""The cases of a parametrized Python test: `parametrize` of pytest, `expand` of parameterized.

Above: cases. Below: skips.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from agentos_governance.gatekeeper.cases import Skip
from agentos_governance.gatekeeper.python.assertions import last_name, text_of
from agentos_governance.gatekeeper.python.skips import marks_of

Function = ast.FunctionDef | ast.AsyncFunctionDef
MAX_CASES = 2_000
"""Of one list of parameters."""


def parameters_of(
    node: Function, constants: Mapping[str, ast.expr], imports: Mapping[str, str]
) -> tuple[list[str], list[Skip]]:
    """The cases of every list of parameters, and skips in them; `constants` of the module."""
    found: list[str] = []
    skips: list[Skip] = []
    for decorator in node.decorator_list:
        if not isinstance(decorator, ast.Call) or last_name(decorator.func) not in {
            "parametrize",
            "expand",
        }:
            continue
        given = decorator.args[-1] if decorator.args else None
        for word in decorator.keywords:
            given = word.value if word.arg == "argvalues" else given
        taken = given.slice if isinstance(given, ast.Subscript) else None
        given = given.value if isinstance(given, ast.Subscript) else given
        if isinstance(given, ast.Name):
            given = constants.get(given.id)
        if not isinstance(given, ast.List | ast.Tuple | ast.Set):
            continue
        if not given.elts:
            skips.append(Skip(text_of(decorator)[:200], decorator.lineno, is_conditional=False))
        for each in _taken(given.elts, taken)[:MAX_CASES]:
            plain, marks = _plain_parameter(each, imports)
            found.append(plain)
            skips += marks
    return found, skips


def _taken(rows: list[ast.expr], which: ast.expr | None) -> list[ast.expr]:
    """The rows that `ROWS[1:3]` leaves; all of them where that cannot be told."""
    if not isinstance(which, ast.Slice):
        return rows
    bounds = [which.lower, which.upper, which.step]
    values = [text_of(each) if each is not None else None for each in bounds]
    if any(text is not None and not text.lstrip("-").isdigit() for text in values):
        return rows
    step = [int(text) if text is not None else None for text in values]
    return rows[step[0] : step[1] : step[2] or None]


def _plain_parameter(each: ast.expr, imports: Mapping[str, str]) -> tuple[str, list[Skip]]:
    """`(1, 2)` of `pytest.param(1, 2, id="x", marks=...)`, and the skips among its marks."""
    if not (isinstance(each, ast.Call) and last_name(each.func) == "param"):
        return text_of(each), []
    marks: list[Skip] = []
    for word in each.keywords:
        if word.arg == "marks":
            values = (
                word.value.elts if isinstance(word.value, ast.List | ast.Tuple) else [word.value]
            )
            marks += marks_of(values, dict(imports))
    values = each.args
    plain = text_of(values[0]) if len(values) == 1 else text_of(ast.Tuple(values, ast.Load()))
    return plain, marks
