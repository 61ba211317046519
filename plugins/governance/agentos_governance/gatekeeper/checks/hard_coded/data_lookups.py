"""Whether the product looks its input up in a file of data, and computes what it does not find there.

Above: answers_in_data. Below: `ast` for Python, the words of a line for other languages. A function that
only looks up is a table, and a table is data; one that computes, or did so before, needs no answers.
"""

from __future__ import annotations

import ast
import re

from agentos_governance.gatekeeper.python.assertions import last_name
from agentos_governance.gatekeeper.python.source import functions_of, parse_python

Function = ast.FunctionDef | ast.AsyncFunctionDef
_LOOKUPS = frozenset({"get", "pop", "setdefault"})
_FOREIGN = re.compile(
    r"(?:\w\[\s*(?:String\(|`\$\{|str\()?\s*[a-z_]\w*\W|\.(?:get|has|lookup)\(\s*(?:String\(|&)?[a-z_])"
)


def overrides_computing(path: str, old: bytes | None, new: bytes, data: str) -> bool:
    """Whether a function looks a parameter up and computes otherwise, or did; `data` is the file's name.

    In other languages than Python: whether the source names the data only now, and looks something up.
    """
    name = data.rpartition("/")[2].encode()
    if name not in new and name.rpartition(b".")[0] not in new:
        return False
    if path.endswith(".py"):
        return _overrides(parse_python(old or b""), parse_python(new))
    is_fresh = old is not None and name not in old
    return is_fresh and _FOREIGN.search(new.decode("utf-8", "replace")) is not None


def _overrides(old: ast.Module | None, new: ast.Module | None) -> bool:
    before = functions_of(old) if old is not None else {}
    functions = functions_of(new) if new is not None else {}
    tables = frozenset(
        name.rpartition(".")[2]
        for name, node in functions.items()
        if _looks_up(node, frozenset()) and not _computes(node, frozenset())
    )
    for name, node in functions.items():
        if not _looks_up(node, tables):
            continue
        known = before.get(name)
        if _computes(node, tables) or (
            known is not None and not _looks_up(known, tables) and _computes(known, tables)
        ):
            return True
    return False


def _looks_up(node: Function, tables: frozenset[str]) -> bool:
    parameters = _names_of(node)
    return any(_is_lookup(each, parameters, tables) for each in ast.walk(node))


def _names_of(node: Function) -> set[str]:
    """Parameters, and names that were made of them."""
    arguments = node.args
    found = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    found -= {"self", "cls"}
    for each in ast.walk(node):
        if not isinstance(each, ast.Assign) or isinstance(each.value, ast.Subscript):
            continue
        if isinstance(each.targets[0], ast.Name) and found & _used(each.value):
            found.add(each.targets[0].id)
    return found


def _used(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _is_lookup(node: ast.AST, parameters: set[str], tables: frozenset[str]) -> bool:
    """`table[str(n)]`, `load()["sums"].get((a, b))`, where the table itself is no parameter.

    `tables` are functions that only look up.
    """
    if isinstance(node, ast.Call) and last_name(node.func) in tables:
        return any(_used(each) & parameters for each in node.args)
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
        holder, key = node.value, node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        if node.func.attr not in _LOOKUPS:
            return False
        holder, key = node.func.value, node.args[0]
    else:
        return False
    return bool(_used(key) & parameters) and not _used(holder) & parameters


def _computes(node: Function, tables: frozenset[str]) -> bool:
    """Whether a way out is neither written down, nor looked up, nor what came in."""
    parameters = _names_of(node)
    given = {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
    looked = {
        target.id
        for each in ast.walk(node)
        if isinstance(each, ast.Assign | ast.NamedExpr)
        and each.value is not None
        and any(_is_lookup(one, parameters, tables) for one in ast.walk(each.value))
        for target in (each.targets if isinstance(each, ast.Assign) else [each.target])
        if isinstance(target, ast.Name)
    }
    for each in ast.walk(node):
        if not isinstance(each, ast.Return) or each.value is None:
            continue
        is_given = isinstance(each.value, ast.Name) and each.value.id in given
        if isinstance(each.value, ast.Constant) or is_given or (_used(each.value) & looked):
            continue
        if any(_is_lookup(one, parameters, tables) for one in ast.walk(each.value)):
            continue
        if any(isinstance(one, ast.Call | ast.BinOp | ast.JoinedStr | ast.Name | ast.comprehension)
               for one in ast.walk(each.value)):  # fmt: skip
            return True
    return False
