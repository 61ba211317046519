"""The hooks that are called while the server runs, of all plugins, as the kernel calls them.

Above: the kernel. Below: `IsolatedHook`, which limits one, and the event log, which says who is
switched off.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pluggy
import structlog

from agentos.calls import Credentials, Principal
from agentos.clock import Clock
from agentos.events.model import Event
from agentos.isolation.hook_times import HookFigures
from agentos.isolation.hooks import IsolatedHook, Isolation, Limits, implementations
from agentos.isolation.plugin_states import DisabledPlugin, PluginStates
from agentos.metrics import Metrics
from agentos.settings import Settings

if TYPE_CHECKING:
    from agentos.kernel import Kernel

_log = structlog.get_logger(__name__)

STALL_S = 0.25
"""An `on_event` that holds up the event loop for longer than this has failed."""


class PluginHooks:
    """`resolve_principal` and `on_event` of all plugins, and the limits of `wrap_tool_call`."""

    def __init__(
        self,
        plugins: pluggy.PluginManager,
        settings: Settings,
        metrics: Metrics,
        states: PluginStates,
        clock: Clock,
    ) -> None:
        figures = HookFigures(metrics.registry)
        metrics.on_scrape(figures.publish)
        limits = Limits(
            settings.hook_timeout_s,
            settings.reaction_timeout_s,
            settings.plugin_error_budget,
            settings.plugin_error_window_s,
        )
        self.isolation = Isolation(figures, limits, self._switch_off)
        self.states = states
        self._clock = clock
        self._start_task: Callable[[Coroutine[Any, Any, None]], None] | None = None
        self._names = [name for name, _ in plugins.list_name_plugin()]
        self._resolvers = [
            (self.isolation.resolver(name), function)
            for name, function in implementations(plugins, "resolve_principal")
        ]
        self._reactions = [
            (name, self.isolation.hook(name, "on_event"), function)
            for name, function in implementations(plugins, "on_event")
        ]

    async def start(self, start_task: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        """Learn who is switched off; `start_task` runs what is to be recorded later."""
        self._start_task = start_task
        for plugin in await self.states.list_disabled(self._names):
            self.isolation.disable(plugin.name)
            _log.warning("plugin_is_disabled", plugin=plugin.name, reason=plugin.reason)

    async def resolve(self, credentials: Credentials, kernel: Kernel) -> Principal | None:
        """Who calls, as the first plugin with an answer says; None where no plugin has one."""
        for hook, function in self._resolvers:
            resolve: Callable[[Kernel], Awaitable[Principal | None]] | None
            resolve = function(credentials=credentials)
            if resolve is not None:
                return await hook.run(resolve(kernel))
        return None

    async def react(self, event: Event, kernel: Kernel) -> None:
        """Hand a committed event to every plugin; one that fails keeps it from no other."""
        self.isolation.apply(event)
        for name, hook, function in self._reactions:
            if name not in self.isolation.disabled:
                await self._react(hook, function, event, kernel)

    async def _react(
        self, hook: IsolatedHook, function: Callable[..., Any], event: Event, kernel: Kernel
    ) -> None:
        started = time.perf_counter()
        try:
            reaction = function(event=event)
            if time.perf_counter() - started > STALL_S:
                hook.failed(f"held up the event loop for more than {STALL_S:g} s")
            if reaction is not None:
                await hook.react(reaction(kernel))
        except Exception as error:  # a reaction never changes what has happened
            hook.judge_reaction(error)
            _log.error(
                "on_event_failed",
                plugin=hook.plugin,
                type=event.type,
                position=event.position,
                exc_info=error,
            )

    def _switch_off(self, plugin: str, hook: str, reason: str) -> None:
        if self._start_task is not None:
            disabled = DisabledPlugin(plugin, hook, reason, self._clock.now())
            self._start_task(self._record(disabled))

    async def _record(self, plugin: DisabledPlugin) -> None:
        limits = self.isolation.limits
        try:
            await self.states.disable(plugin, errors=limits.errors, window_s=limits.window_s)
        except Exception as error:  # it stays off here; an unwritten event must not stop the server
            _log.error("plugin_state_not_stored", plugin=plugin.name, exc_info=error)
