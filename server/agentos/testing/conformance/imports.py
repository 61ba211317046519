"""A plugin imports the public names of `agentos`, itself, and libraries; nothing else of ours.

A plugin that implements a hook which another plugin declares may import that plugin's package: the
types of its declarations live there.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

import agentos
from agentos.plugins import describe_plugins
from agentos.testing.conformance.finding import Finding
from agentos.testing.conformance.sources import Package, Source

EDGES = frozenset({"mcp", "starlette", "uvicorn"})


def check_imports(package: Package, hook_owners: Collection[str]) -> Iterator[Finding]:
    """`hook_owners` are the packages of plugins whose hooks this one implements."""
    allowed = {package.name, *hook_owners}
    foreign = _plugin_packages() - allowed
    for source in package.sources:
        for node, module, name in _imports(source):
            problem = _problem(allowed, foreign, module, name)
            if problem is not None:
                message, remedy = problem
                yield Finding("imports", source.at(node), message, remedy)


def _imports(source: Source) -> Iterator[tuple[ast.stmt, str, str | None]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name, None
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield node, node.module or "", alias.name


def _problem(
    allowed: Collection[str], foreign: Collection[str], module: str, name: str | None
) -> tuple[str, str] | None:
    top = module.partition(".")[0]
    if top in allowed:
        return None
    if top == "agentos":
        if module == "agentos" and name in agentos.__all__:
            return None
        shown = f"{module}.{name}" if name else module
        remedy = "import a name of agentos.__all__: `from agentos import ...`"
        return f"{shown} is not part of the public API", remedy
    if top in foreign:
        return f"{top} belongs to another plugin", "meet it through a hook, an event or a service"
    if top in EDGES:
        return f"{top} is the server's edge", "return the types of agentos, which publishes them"
    return None


def _plugin_packages() -> set[str]:
    return {plugin.module.partition(".")[0] for plugin in describe_plugins()}
