"""Tables that a Python module keeps at its top, which its functions look answers up in.

Above: special_cases. Below: python.assertions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agentos_governance.gatekeeper.python.assertions import last_name, text_of

Function = ast.FunctionDef | ast.AsyncFunctionDef
Pair = tuple[ast.expr, ast.expr]


def module_tables(tree: ast.Module | None) -> dict[str, ast.Dict]:
    """The dictionaries by their names, with what the module puts into them later on."""
    found: dict[str, ast.Dict] = {}
    for node in tree.body if tree is not None else []:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            table = _table(value)
            if isinstance(target, ast.Name) and table is not None:
                found[target.id] = table
        for name, pairs in _put_in(node):
            if name in found:
                known = found[name]
                keys = [*known.keys, *(key for key, _ in pairs)]
                found[name] = ast.Dict(keys, [*known.values, *(each for _, each in pairs)])
    return found


def _table(value: ast.expr | None) -> ast.Dict | None:
    """`{...}`, `dict(...)` of pairs, and what holds something later on."""
    if isinstance(value, ast.Dict):
        return value
    if isinstance(value, ast.Call) and last_name(value.func) in {
        "dict",
        "defaultdict",
        "OrderedDict",
    }:
        pairs = [pair for each in value.args for pair in _pairs(each)]
        return ast.Dict([key for key, _ in pairs], [each for _, each in pairs])
    return None


def _put_in(node: ast.stmt) -> Iterator[tuple[str, list[Pair]]]:
    """`TABLE[2000] = 590`, `TABLE.update(...)`, and a loop over pairs that does the former."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        yield last_name(node.targets[0].value), [(node.targets[0].slice, node.value)]
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if isinstance(call.func, ast.Attribute) and call.func.attr == "update":
            yield last_name(call.func.value), [pair for each in call.args for pair in _pairs(each)]
    elif isinstance(node, ast.For):
        for each in node.body:
            if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Subscript):
                names = {one.id for one in ast.walk(node.target) if isinstance(one, ast.Name)}
                if isinstance(each.value, ast.Name) and each.value.id in names:
                    yield last_name(each.targets[0].value), list(_pairs(node.iter))


def _pairs(value: ast.expr) -> Iterator[Pair]:
    """Of a dictionary, and of a list of pairs."""
    if isinstance(value, ast.Call) and last_name(value.func) == "items":
        value = value.func.value if isinstance(value.func, ast.Attribute) else value
    if isinstance(value, ast.Dict):
        yield from ((key, each) for key, each in zip(value.keys, value.values, strict=True) if key)
    elif isinstance(value, ast.Tuple | ast.List):
        for row in value.elts:
            if isinstance(row, ast.Tuple | ast.List) and len(row.elts) == 2:
                yield row.elts[0], row.elts[1]


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
