"""Runs every check of a plugin."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType

import pluggy

from agentos import hookspecs
from agentos.errors import ConfigurationError
from agentos.plugins import installed_plugins
from agentos.testing.conformance.blocking_code import check_blocking_code
from agentos.testing.conformance.documentation import check_documentation
from agentos.testing.conformance.finding import Finding
from agentos.testing.conformance.hook_use import check_hooks
from agentos.testing.conformance.imports import check_imports
from agentos.testing.conformance.migration_files import check_migrations
from agentos.testing.conformance.sources import package_of


def check_plugin(plugin: ModuleType | str) -> list[Finding]:
    """What is wrong with a plugin, given as its module, or the name of either; sorted.

    ConfigurationError where it cannot be looked at: it does not import, or does not load.
    """
    module = _import(plugin) if isinstance(plugin, str) else plugin
    package = package_of(module)
    known = _hooks_of_installed()
    findings = [*check_blocking_code(package), *check_hooks(module, known)]
    findings += check_imports(package, _hook_owners(module, known))
    if not any(each.check == "hooks" for each in findings):
        own = _alone(module)
        findings += check_documentation(own)
        sets = [each for answer in own.hook.register_migrations() for each in answer or ()]
        findings += check_migrations(sets)
    return sorted(findings)


def _import(name: str) -> ModuleType:
    entry = installed_plugins().get(name)
    try:
        loaded = entry.load() if entry is not None else importlib.import_module(name)
    except Exception as error:
        message = " ".join(str(error).split())
        raise ConfigurationError(
            f"plugin {name!r} does not import: {type(error).__name__}: {message}"
        ) from error
    if not isinstance(loaded, ModuleType):
        raise ConfigurationError(f"plugin {name!r}: the entry point must name a module")
    return loaded


def _hooks_of_installed() -> pluggy.PluginManager:
    """The kernel's hooks, and those that installed plugins declare."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    for name in installed_plugins():
        try:
            declared: Sequence[ModuleType] = getattr(_import(name), "register_hookspecs", list)()
        except ConfigurationError:
            continue  # another plugin's trouble
        for specs in declared:
            manager.add_hookspecs(specs)
    return manager


def _hook_owners(module: ModuleType, known: pluggy.PluginManager) -> set[str]:
    """The packages whose hooks the module implements."""
    owners = set()
    for name, value in vars(module).items():
        options = getattr(value, f"{hookspecs.PROJECT}_impl", None)
        caller = getattr(known.hook, (options or {}).get("specname") or name, None)
        if options is not None and caller is not None and caller.spec is not None:
            owners.add(caller.spec.namespace.__name__.partition(".")[0])
    return owners - {"agentos"}


def _alone(module: ModuleType) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    return manager
