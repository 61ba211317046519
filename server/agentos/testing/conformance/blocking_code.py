"""Calls that block the event loop, found in the text of `async def` functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agentos.testing.conformance.finding import Finding
from agentos.testing.conformance.sources import Package, Source

_CALLS = frozenset(
    {
        "asyncio.run",
        "input",
        "open",
        "os.system",
        "os.popen",
        "socket.create_connection",
        "socket.getaddrinfo",
        "sqlite3.connect",
        "time.sleep",
        "urllib.request.urlopen",
    }
)
_MODULES = ("requests.", "subprocess.", "httpx.get", "httpx.post", "httpx.put", "httpx.request")
_METHODS = frozenset({"read_text", "write_text", "read_bytes", "write_bytes"})


def check_blocking_code(package: Package) -> Iterator[Finding]:
    """Each call by a name that is known to block."""
    for source in package.sources:
        names = _imported_names(source.tree)
        for function in ast.walk(source.tree):
            if isinstance(function, ast.AsyncFunctionDef):
                yield from _check(source, function, names)


def _check(
    source: Source, function: ast.AsyncFunctionDef, names: dict[str, str]
) -> Iterator[Finding]:
    for node in _own_nodes(function):
        if not isinstance(node, ast.Call):
            continue
        called = _full_name(node.func, names)
        if called is not None and _blocks(called):
            yield Finding(
                "blocking",
                source.at(node),
                f"{called} blocks the event loop in {function.name}",
                "await an asynchronous one, or pass it to asyncio.to_thread",
            )


def _own_nodes(function: ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """The nodes of the body, without functions in it: those may run in a thread."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """What a name in the file stands for: `sleep` for `time.sleep`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _full_name(function: ast.expr, names: dict[str, str]) -> str | None:
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.append(names.get(function.id, function.id))
    elif not parts:
        return None
    return ".".join(reversed(parts))


def _blocks(called: str) -> bool:
    is_named = called in _CALLS or called.startswith(_MODULES)
    return is_named or called.rpartition(".")[2] in _METHODS
