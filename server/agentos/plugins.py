"""Loads plugins, fail closed: the server starts with exactly what was configured, or not at all.

Entry points of the group `agentos.plugins` are read sorted by name. A name that two distributions
claim, an enabled plugin that is absent or does not import, and an unknown hook stop the start.
(`pluggy.load_setuptools_entrypoints` would let the first distribution on the path shadow a
first-party plugin, pytest-dev/pluggy#154.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from agentos import hookspecs
from agentos.errors import ConfigurationError

GROUP = "agentos.plugins"
OWN_DISTRIBUTION = "agentos"


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """What is known of an installed plugin without importing it."""

    name: str
    module: str
    distribution: str
    version: str


def installed_plugins() -> dict[str, EntryPoint]:
    """Entry points by name, sorted; ConfigurationError where two distributions claim one name."""
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        other = found.get(entry.name)
        if other is not None and _origin(other) != _origin(entry):
            raise ConfigurationError(
                f"two distributions provide a plugin named {entry.name!r}: "
                f"{_origin(other)} and {_origin(entry)}; uninstall one of them"
            )
        found[entry.name] = entry
    return found


def describe_plugins() -> list[PluginInfo]:
    """Every installed plugin, sorted by name."""
    return [
        PluginInfo(
            name,
            entry.value,
            entry.dist.name if entry.dist else "",
            entry.dist.version if entry.dist else "",
        )
        for name, entry in installed_plugins().items()
    ]


def default_plugins() -> tuple[str, ...]:
    """The plugins of this distribution: what is enabled where the configuration names none."""
    return tuple(p.name for p in describe_plugins() if p.distribution == OWN_DISTRIBUTION)


def load_plugins(
    enabled: Sequence[str], extra: Mapping[str, Any] | None = None
) -> pluggy.PluginManager:
    """A plugin manager with the enabled entry points and the `extra` modules, in order of name.

    Raises ConfigurationError with one line that names the plugin and the reason.
    """
    modules = {name: _import(name) for name in enabled}
    for name, module in (extra or {}).items():
        if name in modules:
            raise ConfigurationError(f"plugin {name!r} is given twice")
        modules[name] = module
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    ordered = sorted(modules.items())
    for name, module in ordered:
        _add_hookspecs(manager, name, module)
    # pluggy calls the last registered first; reversed registration gives calls in name order.
    for name, module in reversed(ordered):
        try:
            manager.register(module, name)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise ConfigurationError(f"plugin {name!r} is invalid: {_line(error)}") from error
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise ConfigurationError(
            f"a plugin implements a hook nobody declares: {_line(error)}"
        ) from error
    return manager


def _import(name: str) -> ModuleType:
    entry = installed_plugins().get(name)
    if entry is None:
        known = ", ".join(installed_plugins()) or "none"
        raise ConfigurationError(
            f"plugin {name!r} is enabled but not installed; installed: {known}"
        )
    try:
        loaded = entry.load()
    except Exception as error:  # whatever a foreign module raises, the start stops with one line
        raise ConfigurationError(
            f"plugin {name!r} does not import: {type(error).__name__}: {_line(error)}"
        ) from error
    if not isinstance(loaded, ModuleType):
        raise ConfigurationError(f"plugin {name!r}: the entry point must name a module")
    return loaded


def _add_hookspecs(manager: pluggy.PluginManager, name: str, module: Any) -> None:
    register = getattr(module, "register_hookspecs", None)
    if register is None:
        return
    try:
        for specs in register():
            manager.add_hookspecs(specs)
    except Exception as error:  # whatever a foreign module raises, the start stops with one line
        raise ConfigurationError(
            f"plugin {name!r} declares no valid hooks: {_line(error)}"
        ) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _origin(entry: EntryPoint) -> str:
    return f"{entry.dist.name if entry.dist else '?'} ({entry.value})"
