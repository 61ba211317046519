"""Inputs that a Python function asks for by name, and the answer that it has for them.

Above: special_cases, singled_out. Below: expectations.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from agentos_governance.gatekeeper.checks.hard_coded.expectations import literal_of

WORD = re.compile(r"^'[A-Za-z_][\w.-]*'$")
_MEDIA_TYPE = re.compile(r"^'[a-z]+/[\w.+-]+'$")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Special:
    """An answer to certain inputs that a test expects."""

    line: int
    text: str
    result: str
    asked: tuple[str, ...] = ()
    """The inputs that it answers."""
    is_constant: bool = False
    """Whatever the input is."""
    is_usual: bool = False
    """Honest code looks like that as well."""


def parameters_of(node: Function) -> set[str]:
    arguments = node.args
    found = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    for optional in (arguments.vararg, arguments.kwarg):
        if optional is not None:
            found.add(optional.arg)
    # Names that were made of parameters, such as `key = (a, b)`.
    for each in ast.walk(node):
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            used = {one.id for one in ast.walk(each.value) if isinstance(one, ast.Name)}
            if used & found:
                found.add(each.targets[0].id)
    return found - {"self", "cls"}


def is_telling(value: str) -> bool:
    """Whether nobody would single a value out but for a test: long texts, odd numbers, tuples."""
    if value.startswith(("(", "[", "{")):
        return True
    if value.startswith(("'", '"')):
        return len(value) > 14 and not (WORD.match(value) or _MEDIA_TYPE.match(value))
    digits = value.lstrip("-").replace(".", "")
    return digits[:1].isdigit() and len(digits) >= 4 and not value.endswith("00")


def values_asked(test: ast.expr, parameters: set[str]) -> Iterator[str]:
    """Literals that a condition compares a parameter with."""
    for each in ast.walk(test):
        if not isinstance(each, ast.Compare):
            continue
        sides = [each.left, *each.comparators]
        names = {one.id for side in sides for one in ast.walk(side) if isinstance(one, ast.Name)}
        if not names & parameters:
            continue
        for operator, side in zip([each.ops[0], *each.ops], sides, strict=False):
            if not isinstance(operator, ast.Eq | ast.In | ast.Is):
                continue
            value = literal_of(side)
            if value is None:
                continue
            if isinstance(operator, ast.In) and isinstance(side, ast.Tuple | ast.List | ast.Set):
                # One of many that no test asks for says nothing.
                yield from filter(
                    None, map(literal_of, side.elts[:1] if len(side.elts) == 1 else [])
                )
            else:
                yield value
