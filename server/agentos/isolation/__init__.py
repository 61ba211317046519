"""Keeps one plugin's trouble its own: time limits, an error budget, and figures for every hook.

Above: the kernel, which calls hooks through `PluginHooks`. Below, in this package: `hooks` (runs one
hook), `waiting` (limits what waits), `budget` (how many failures are too many), `hook_times`
(Prometheus), `plugin_states` (who is switched off, in the event log).
"""

from agentos.isolation.plugin_hooks import PluginHooks
from agentos.isolation.plugin_states import PLUGIN_EVENT_TYPES, DisabledPlugin, PluginStates

__all__ = ["PLUGIN_EVENT_TYPES", "DisabledPlugin", "PluginHooks", "PluginStates"]
