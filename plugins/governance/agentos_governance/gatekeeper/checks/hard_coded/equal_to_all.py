"""Classes of the product whose objects equal, hold or are greater than anything, so that assertions pass.

Above: no_hard_coded_results. Below: `ast`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.python.source import functions_of, parse_python

CHECK = "no_hard_coded_results"
_COMPARING = frozenset({"__eq__", "__contains__", "__gt__", "__ge__", "__lt__", "__le__"})


def equal_to_all(file: ReviewedFile) -> Iterator[Finding]:
    """Findings in methods that are new or answer so only now."""
    new = parse_python(file.new or b"")
    old = parse_python(file.old) if file.old is not None else None
    if new is None:
        return
    before = functions_of(old) if old is not None else {}
    for name, node in functions_of(new).items():
        if name.rpartition(".")[2] not in _COMPARING or not _is_always_true(node):
            continue
        if name in before and _is_always_true(before[name]):
            continue
        yield Finding(
            CHECK,
            "blocking",
            f"{name} in {file.path} is true of anything, so that any assertion passes",
            "a result that equals anything",
            file.path,
            node.lineno,
            node.end_lineno or node.lineno,
        )


def _is_always_true(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    returns = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
    return bool(returns) and all(
        isinstance(value, ast.Constant) and value.value is True for value in returns
    )
