"""What tests of Python put in the place of the real thing: patches and mocks.

Above: python_cases. Below: python_assertions, python_source.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agentos_governance.gatekeeper.cases import Replaced
from agentos_governance.gatekeeper.python_assertions import dotted, last_name
from agentos_governance.gatekeeper.python_source import full_name

Function = ast.FunctionDef | ast.AsyncFunctionDef


def callee(expression: ast.expr) -> ast.expr:
    """What is called, where something is."""
    return expression.func if isinstance(expression, ast.Call) else expression


def decorator_doubles(decorators: list[ast.expr], imports: dict[str, str]) -> Iterator[Replaced]:
    """What the decorators of a test replace."""
    for each in decorators:
        if isinstance(each, ast.Call):
            yield from _double_of(each, imports)


def doubles_in(node: Function, imports: dict[str, str]) -> Iterator[Replaced]:
    """What `patch`, `patch.object`, `mocker.patch` and `monkeypatch.setattr` replace."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            yield from _double_of(each, imports)
        elif isinstance(each, ast.Assign):
            for target in each.targets:
                if isinstance(target, ast.Attribute) and _is_double(each.value):
                    name = full_name(target, imports)
                    if name and name.partition(".")[0] in {
                        v.partition(".")[0] for v in imports.values()
                    }:
                        yield Replaced(name, each.lineno)


def _is_double(value: ast.expr) -> bool:
    if isinstance(value, ast.Lambda):
        return True
    return isinstance(value, ast.Call) and last_name(value.func) in {
        "Mock",
        "MagicMock",
        "AsyncMock",
        "create_autospec",
    }


def _double_of(call: ast.Call, imports: dict[str, str]) -> Iterator[Replaced]:
    name = dotted(call.func)
    if not call.args:
        return
    first = call.args[0]
    second = call.args[1] if len(call.args) > 1 else None
    attribute = second.value if isinstance(second, ast.Constant) else None
    if name.endswith(("patch", "monkeypatch.setattr")) and isinstance(first, ast.Constant):
        if isinstance(first.value, str):
            yield Replaced(first.value, call.lineno)
    elif name.endswith(("patch.object", "monkeypatch.setattr")) and isinstance(attribute, str):
        target = full_name(first, imports)
        if target:
            yield Replaced(f"{target}.{attribute}", call.lineno)
