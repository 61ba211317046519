"""The page of everything that a plugin may import from `agentos`, made from the code.

Above: `write_reference.py`. Below: `agentos.__all__` and the sources of the modules that it names.
Read from the sources, so that annotations stand as their authors wrote them.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from importlib import import_module

import agentos

Definition = ast.FunctionDef | ast.AsyncFunctionDef

HEAD = """# Public API

Everything that a plugin imports from `agentos`, and nothing else is promised: names that are not here may change with any
release. Made from the code by `scripts/write_reference.py`; hooks are in [Write a plugin](plugins.md), tests of a plugin use
`agentos.testing`.
"""


def api_page() -> str:
    """docs/api.md: each name with its signature and what it is for."""
    groups: dict[str, list[str]] = {}
    for name in agentos.__all__:
        group, section = _section(name)
        groups.setdefault(group, []).append(section)
    parts = [HEAD]
    for group in ("Functions and decorators", "Classes", "Protocols", "Errors", "Types"):
        parts.append(f"## {group}\n\n" + "\n\n".join(groups.get(group, [])) + "\n")
    return "\n".join(parts)


def undocumented() -> list[str]:
    """Names of the API without a word on what they are for; none, or the page is not whole."""
    return [name for name in agentos.__all__ if not _purpose(name)]


def _section(name: str) -> tuple[str, str]:
    node = _node(name)
    lines = [f"### {name}", ""]
    if isinstance(node, ast.ClassDef):
        group = _group(node, name)
        lines += [f"`{_constructor(name, node)}`", "", _purpose(name)]
        if group != "Errors":
            members = list(_members(node))
            lines += ["", *members] if members else []
        return group, "\n".join(lines)
    if isinstance(node, Definition):
        return "Functions and decorators", "\n".join(
            [*lines, f"`{_signature(name, node)}`", "", _purpose(name)]
        )
    shown = _value(name)
    return "Types", "\n".join([*lines, f"`{shown}`", "", _purpose(name)])


def _group(node: ast.ClassDef, name: str) -> str:
    found = getattr(agentos, name)
    if isinstance(found, type) and issubclass(found, BaseException):
        return "Errors"
    is_protocol = any(ast.unparse(base).startswith("Protocol") for base in node.bases)
    return "Protocols" if is_protocol else "Classes"


def _constructor(name: str, node: ast.ClassDef) -> str:
    own = next((each for each in _methods(node) if each.name == "__init__"), None)
    if own is not None:
        return f"{name}({_arguments(own)})"
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    if any(base in bases for base in ("Enum", "Error", "Exception", "Protocol")):
        return f"class {name}({bases})"
    fields = [
        f"{ast.unparse(each.target)}: {ast.unparse(each.annotation)}"
        + ("" if each.value is None else " = …")
        for each in node.body
        if isinstance(each, ast.AnnAssign)
        and not ast.unparse(each.target).startswith("_")
        and "ClassVar" not in ast.unparse(each.annotation)
    ]
    return f"{name}({', '.join(fields)})"


def _members(node: ast.ClassDef) -> Iterator[str]:
    """Methods and properties that are not private, and the values of an enumeration."""
    for each in node.body:
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Constant):
            yield f"- `{ast.unparse(each.targets[0])} = {each.value.value!r}`"
    for method in _methods(node):
        if method.name.startswith("_"):
            continue
        is_property = any(ast.unparse(each) == "property" for each in method.decorator_list)
        returns = "None" if method.returns is None else ast.unparse(method.returns)
        shown = f"{method.name}: {returns}" if is_property else _signature(method.name, method)
        yield f"- `{shown}`: {_first(ast.get_docstring(method))}"


def _methods(node: ast.ClassDef) -> list[Definition]:
    return [each for each in node.body if isinstance(each, Definition)]


def _signature(name: str, node: Definition) -> str:
    returns = "None" if node.returns is None else ast.unparse(node.returns)
    kind = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f"{kind}{name}({_arguments(node)}) -> {returns}"


def _arguments(node: Definition) -> str:
    arguments = node.args
    if arguments.args and arguments.args[0].arg in ("self", "cls"):
        arguments.args = arguments.args[1:]
    return ast.unparse(arguments)


def _purpose(name: str) -> str:
    node = _node(name)
    if isinstance(node, ast.ClassDef | Definition):
        return _first(ast.get_docstring(node))
    return _first(_text_after(name))


def _first(text: str | None) -> str:
    """The first paragraph, on one line."""
    return " ".join((text or "").split("\n\n")[0].split())


@cache
def _modules() -> dict[str, tuple[str, str]]:
    """Where each name of the API is defined, and under which name there."""
    found = {}
    for node in ast.parse(inspect.getsource(agentos)).body:
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for each in node.names:
                found[each.asname or each.name] = (node.module, each.name)
    return found


@cache
def _body(module: str) -> list[ast.stmt]:
    return ast.parse(inspect.getsource(import_module(module))).body


def _node(name: str) -> ast.stmt | None:
    """The statement that defines a name; the last one, after those of overloads."""
    module, own = _modules()[name]
    found: ast.stmt | None = None
    for each in _body(module):
        if isinstance(each, ast.ClassDef | Definition) and each.name == own:
            found = each
        elif isinstance(each, ast.ImportFrom) and any(
            own == (a.asname or a.name) for a in each.names
        ):
            found = found or _imported(each, own)
        elif own in _targets(each):
            found = each
    return found


def _imported(node: ast.ImportFrom, name: str) -> ast.stmt | None:
    assert node.module is not None
    for each in _body(node.module):
        if isinstance(each, ast.ClassDef | Definition) and each.name == name:
            return each
    return None


def _targets(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Assign):
        return [ast.unparse(each) for each in node.targets]
    return [ast.unparse(node.target)] if isinstance(node, ast.AnnAssign) else []


def _value(name: str) -> str:
    node = _node(name)
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        return " ".join(f"{name} = {ast.unparse(node.value)}".split())
    return name


def _text_after(name: str) -> str:
    """The string that stands below an assignment, as types are documented."""
    module, own = _modules()[name]
    body = _body(module)
    for number, each in enumerate(body[:-1]):
        text = body[number + 1]
        if own in _targets(each) and isinstance(text, ast.Expr):
            return str(ast.literal_eval(text.value))
    return ""
