"""Tables that a Python module keeps at its top, which its functions look answers up in.

Above: special_cases. Below: python_assertions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agentos_governance.gatekeeper.python_assertions import text_of

Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_tables(tree: ast.Module | None) -> dict[str, ast.Dict]:
    """The dictionaries by their names."""
    found: dict[str, ast.Dict] = {}
    for node in tree.body if tree is not None else []:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Dict):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                found[target.id] = value
    return found


def names_changed_table(node: Function, new: dict[str, ast.Dict], old: dict[str, ast.Dict]) -> bool:
    """Whether the function looks up in a table that is new or another one than before."""
    used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return any(
        name in used and (name not in old or text_of(old[name]) != text_of(table))
        for name, table in new.items()
    )


def said_in_text(key: str) -> str | None:
    """The literal that a key such as `'2000'` says as a text, which `str(weight_g)` looks up."""
    try:
        text = ast.literal_eval(key)
        return repr(ast.literal_eval(text)) if isinstance(text, str) else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def tuples_of(key: str) -> Iterator[tuple[str, ...]]:
    """The inputs that a key such as `(2, 3)` stands for."""
    try:
        value = ast.literal_eval(key)
    except (ValueError, SyntaxError):
        return
    if isinstance(value, tuple):
        yield tuple(repr(each) for each in value)
