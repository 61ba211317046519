"""What tests of Python put in the place of the real thing: patches, mocks, assignments, other modules.

Above: cases, doubles_for_all. Below: assertions, source.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from agentos_governance.gatekeeper.cases import Replaced
from agentos_governance.gatekeeper.python.assertions import dotted, last_name
from agentos_governance.gatekeeper.python.source import full_name

Function = ast.FunctionDef | ast.AsyncFunctionDef
_INSIDES = ("__code__", "__call__", "__defaults__", "__kwdefaults__", "__wrapped__", "__dict__")
_RESTORING = frozenset({"reload", "import_module"})


def callee(expression: ast.expr) -> ast.expr:
    """What is called, where something is."""
    return expression.func if isinstance(expression, ast.Call) else expression


def decorator_doubles(decorators: list[ast.expr], imports: dict[str, str]) -> Iterator[Replaced]:
    """What the decorators of a test replace."""
    for each in decorators:
        if isinstance(each, ast.Call):
            yield from _of_call(each, imports)


def doubles_in(node: Function, imports: dict[str, str]) -> Iterator[Replaced]:
    """What a function replaces, its own parameters that hide an imported function among them."""
    yield from doubles_among(ast.walk(node), imports)
    called = {each.func.id for each in ast.walk(node) if _calls_name(each)}  # type: ignore[attr-defined]
    for parameter in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        if parameter.arg in imports and parameter.arg in called:
            yield Replaced(imports[parameter.arg], node.lineno)


def _calls_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def doubles_among(nodes: Iterable[ast.AST], imports: dict[str, str]) -> Iterator[Replaced]:
    """What `patch`, `setattr`, `sys.modules` and plain assignments replace, by its full name."""
    for each in nodes:
        if isinstance(each, ast.Call):
            yield from _of_call(each, imports)
        elif isinstance(each, ast.Assign):
            for target in each.targets:
                name = _assigned(target, each.value, imports)
                if name:
                    yield Replaced(name, each.lineno)


def _assigned(target: ast.expr, value: ast.expr, imports: dict[str, str]) -> str:
    """The full name of what an assignment replaces; empty where it is none of another module."""
    if isinstance(target, ast.Subscript):
        return _item(target.value, target.slice, imports)
    if isinstance(target, ast.Name):
        used = {each.id for each in ast.walk(value) if isinstance(each, ast.Name)}
        is_other = target.id in imports and target.id not in used
        return imports[target.id] if is_other and not _restores(value) else ""
    if isinstance(target, ast.Attribute):
        first = dotted(target).partition(".")[0]
        return _outside(full_name(target, imports)) if first in imports else ""
    return ""


def _restores(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and last_name(value.func) in _RESTORING


def _outside(name: str) -> str:
    """`shop.price.total` of `shop.price.total.__code__`."""
    while name.rpartition(".")[2] in _INSIDES:
        name = name.rpartition(".")[0]
    return name


def _item(holder: ast.expr, key: ast.expr, imports: dict[str, str]) -> str:
    """What `sys.modules["shop.price"]`, `vars(price)["total"]` and `price.__dict__["total"]` name."""
    if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
        return ""
    if isinstance(holder, ast.Call) and last_name(holder.func) == "vars" and holder.args:
        owner = full_name(holder.args[0], imports)
    elif isinstance(holder, ast.Attribute) and holder.attr == "__dict__":
        owner = full_name(holder.value, imports)
    elif full_name(holder, imports) == "sys.modules":
        return key.value
    else:
        return ""
    return f"{owner}.{key.value}" if owner else ""


def _of_call(call: ast.Call, imports: dict[str, str]) -> Iterator[Replaced]:
    name = dotted(call.func)
    if not call.args:
        return
    first = call.args[0]
    second = call.args[1] if len(call.args) > 1 else None
    attribute = second.value if isinstance(second, ast.Constant) else None
    text = first.value if isinstance(first, ast.Constant) else None
    found = ""
    if name.endswith(("patch", "monkeypatch.setattr")) and isinstance(text, str):
        found = text
    elif name.endswith(("patch.object", "monkeypatch.setattr")) or name == "setattr":
        target = full_name(first, imports)
        if target and isinstance(attribute, str):
            found = _outside(f"{target}.{attribute}")
    elif name.endswith("monkeypatch.setitem") and second is not None:
        found = _item(first, second, imports)
    elif name.endswith("patch.multiple"):
        target = text if isinstance(text, str) else full_name(first, imports)
        for word in call.keywords:
            if word.arg and target:
                yield Replaced(f"{target}.{word.arg}", call.lineno)
    elif name.endswith("patch.dict"):
        yield from _of_dictionary(call, text, imports)
    if found:
        yield Replaced(found, call.lineno)


def _of_dictionary(call: ast.Call, text: object, imports: dict[str, str]) -> Iterator[Replaced]:
    """`patch.dict(sys.modules, {"shop.price": double})`, `patch.dict("shop.price.__dict__", total=...)`."""
    holder = text if isinstance(text, str) else full_name(call.args[0], imports)
    given = call.args[1] if len(call.args) > 1 else None
    keys = [
        key.value
        for key in (given.keys if isinstance(given, ast.Dict) else [])
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    ]
    keys += [word.arg for word in call.keywords if word.arg]
    for key in keys:
        if holder == "sys.modules":
            yield Replaced(key, call.lineno)
        elif holder.endswith(".__dict__"):
            yield Replaced(f"{_outside(holder)}.{key}", call.lineno)
