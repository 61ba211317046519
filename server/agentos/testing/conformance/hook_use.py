"""Hooks that are implemented as their specifications say, and functions that look like hooks."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pluggy

from agentos import hookspecs
from agentos.testing.conformance.finding import Finding

# Found by its name, before there are hooks.
_UNMARKED = "register_hookspecs"


def check_hooks(module: ModuleType, manager: pluggy.PluginManager) -> Iterator[Finding]:
    """`manager` knows the hooks of every installed plugin; this one is not registered in it."""
    marked = 0
    for name, value in sorted(vars(module).items()):
        if not inspect.isroutine(value):
            continue
        options: dict[str, Any] | None = getattr(value, f"{hookspecs.PROJECT}_impl", None)
        if options is None:
            yield from _check_unmarked(module, manager, name)
            continue
        marked += 1
        yield from _check_marked(module, manager, options["specname"] or name, value, options)
    if not marked:
        yield Finding(
            "hooks",
            module.__name__,
            "implements no hook",
            "mark functions with @hookimpl in the module that the entry point names",
        )


def _check_unmarked(
    module: ModuleType, manager: pluggy.PluginManager, name: str
) -> Iterator[Finding]:
    if name != _UNMARKED and _spec(manager, name) is not None:
        yield Finding(
            "hooks",
            f"{module.__name__}.{name}",
            "has the name of a hook and is never called",
            "mark it with @hookimpl, or give it another name",
        )


def _check_marked(
    module: ModuleType,
    manager: pluggy.PluginManager,
    hook: str,
    function: Any,
    options: dict[str, Any],
) -> Iterator[Finding]:
    where = f"{module.__name__}.{function.__name__}"
    spec = _spec(manager, hook)
    if spec is None:
        yield Finding("hooks", where, f"no plugin declares a hook {hook}", "see docs/plugins.md")
        return
    unknown = set(inspect.signature(function).parameters) - set(spec.argnames)
    if unknown:
        takes = ", ".join(spec.argnames) or "nothing"
        message = f"takes {', '.join(sorted(unknown))}; the hook {hook} passes {takes}"
        yield Finding("hooks", where, message, "take some of those, by these names")
    if inspect.iscoroutinefunction(function):
        message = "is async; a hook is a plain function that answers at once"
        yield Finding("hooks", where, message, "return an async callable where the hook takes one")
    if options["wrapper"] or options["hookwrapper"]:
        message = "wraps a hook; a plugin answers for itself"
        yield Finding("hooks", where, message, "return its own answer")
    if "return" not in function.__annotations__:
        yield Finding("hooks", where, "has no return annotation", f"annotate it as {hook} is")


def _spec(manager: pluggy.PluginManager, hook: str) -> Any:
    caller = getattr(manager.hook, hook, None)
    return caller.spec if caller is not None else None
