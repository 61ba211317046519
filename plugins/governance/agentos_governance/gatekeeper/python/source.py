"""Parses Python that a stranger wrote, and says what its imports call things.

Above: the checks that read Python. Below: `ast`, whose limits are turned into "not readable": source
that is nested too deep, or of another version of Python than the server's.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from functools import lru_cache

from agentos_governance.gatekeeper.python.assertions import dotted

MAX_SOURCE_BYTES = 1 << 20


@lru_cache(maxsize=512)
def parse_python(content: bytes) -> ast.Module | None:
    """The syntax tree; None for what this Python cannot read. Nobody changes what comes back."""
    if len(content) > MAX_SOURCE_BYTES:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def imported_names(tree: ast.Module) -> dict[str, str]:
    """What each name that the module imports stands for, as a full dotted name."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                found[alias.asname or alias.name] = f"{module}.{alias.name}".lstrip(".")
    return found


def full_name(expression: ast.expr, imports: dict[str, str]) -> str:
    """The dotted name of an expression with its first part as imported; empty for no name."""
    name = dotted(expression)
    first, dot, rest = name.partition(".")
    return imports.get(first, first) + dot + rest if name else ""


def functions_of(tree: ast.Module) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions and methods by their name in the file, such as `Class.method`; the last one wins."""
    found: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    pending: list[tuple[str, ast.stmt]] = [("", each) for each in reversed(tree.body)]
    while pending:
        prefix, node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[prefix + node.name] = node
        elif isinstance(node, ast.ClassDef):
            pending += [(f"{prefix}{node.name}.", each) for each in reversed(node.body)]
        elif isinstance(node, ast.If | ast.Try | ast.With):
            inner = [*node.body, *getattr(node, "orelse", [])]
            pending += [(prefix, each) for each in reversed(inner)]
    return found


def function_sources(content: bytes) -> list[str]:
    """The source of each function and method of a file, decorators included."""
    tree = parse_python(content)
    lines = content.decode("utf-8", "replace").splitlines()
    if tree is None:
        return []
    return [source_of(lines, node) for node in functions_of(tree).values()]


def source_of(lines: list[str], node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The lines of a function, its decorators among them."""
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return "\n".join(lines[first - 1 : node.end_lineno])


def own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions and classes within."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)
