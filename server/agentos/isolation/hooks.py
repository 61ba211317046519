"""Runs the hooks of plugins: measured, limited in time, and switched off where that is safe.

Above: the kernel. A plugin that decides (an authorizer, a middleware that may change a call, an
identity) fails closed for ever: its failure refuses the call, and nothing switches it off. One that
only observes (reactions to events, middlewares of the layer OBSERVE) loses its turn once its error
budget is used up, and the event log says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

import pluggy
import structlog

from agentos.calls import ToolCall, ToolResult, Verdict
from agentos.database.pool import is_connection_lost
from agentos.errors import ConfigurationError, ToolError, UnavailableError
from agentos.events.model import Event
from agentos.isolation.budget import ErrorBudget
from agentos.isolation.hook_times import SAMPLED, HookFigures
from agentos.isolation.plugin_states import DISABLED, ENABLED
from agentos.isolation.waiting import Passage, WaitedTooLongError, bounded, resumed
from agentos.middleware import Authorizer, CallNext, Layer, Middleware, Wrapper

T = TypeVar("T")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings say."""

    decide_s: float
    react_s: float
    errors: int
    window_s: float


def implementations(
    plugins: pluggy.PluginManager, hook: str
) -> list[tuple[str, Callable[..., Any]]]:
    """Each plugin's implementation of a hook, in the order of calls, to be called by keyword.

    ConfigurationError for a hook wrapper, with which a plugin could change another's answer.
    """
    found: list[tuple[str, Callable[..., Any]]] = []
    for each in reversed(getattr(plugins.hook, hook).get_hookimpls()):
        if each.wrapper or each.hookwrapper:
            raise ConfigurationError(
                f"plugin {each.plugin_name!r} wraps the hook {hook}; a plugin answers for itself"
            )
        found.append((each.plugin_name, _taking(each.function, each.argnames)))
    return found


def _taking(function: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """`function` for all arguments of its hook; an implementation may leave some out."""

    def call(**arguments: Any) -> Any:
        return function(*[arguments[name] for name in names])

    return call


class Isolation:
    """The hooks of one kernel's plugins."""

    def __init__(
        self,
        figures: HookFigures,
        limits: Limits,
        on_disabled: Callable[[str, str, str], None] = lambda plugin, hook, reason: None,
    ) -> None:
        self.figures = figures
        self.limits = limits
        self.disabled: set[str] = set()
        """Plugins whose observing hooks are not called."""
        self._deciding: set[str] = set()
        self._budgets: dict[str, ErrorBudget] = {}
        self._on_disabled = on_disabled

    def hook(self, plugin: str, name: str) -> IsolatedHook:
        """One hook of one plugin."""
        return IsolatedHook(self, plugin, name)

    def wrap(self, plugin: str, wrapper: Wrapper) -> Wrapper:
        """A plugin's authorizer or middleware, measured and limited."""
        hook = self.hook(plugin, "wrap_tool_call")
        if isinstance(wrapper, Authorizer):
            self._deciding.add(plugin)
            return hook.authorizer(wrapper)
        if wrapper.layer is not Layer.OBSERVE:
            self._deciding.add(plugin)
        return hook.middleware(wrapper)

    def resolver(self, plugin: str) -> IsolatedHook:
        """The hook that says who calls."""
        self._deciding.add(plugin)
        return self.hook(plugin, "resolve_principal")

    def charge(self, plugin: str, hook: str, reason: str) -> None:
        """Count a failure, and switch a plugin off that observes and has had too many."""
        self.figures.count_failure(plugin, hook)
        if plugin in self._deciding or plugin in self.disabled:
            return
        if plugin not in self._budgets:
            self._budgets[plugin] = ErrorBudget(self.limits.errors, self.limits.window_s)
        if self._budgets[plugin].charge():
            self.disabled.add(plugin)
            _log.error("plugin_disabled", plugin=plugin, hook=hook, reason=reason)
            self._on_disabled(plugin, hook, reason)

    def apply(self, event: Event) -> None:
        """Follow what any process, or the command line, recorded."""
        if event.type == DISABLED:
            self.disable(event.data["plugin"])
        elif event.type == ENABLED:
            self.enable(event.data["plugin"])

    def disable(self, plugin: str) -> None:
        """Call a plugin's observing hooks no more; one that decides is not to be disabled."""
        if plugin not in self._deciding:
            self.disabled.add(plugin)

    def enable(self, plugin: str) -> None:
        """Call a plugin's hooks again, with a full budget."""
        self.disabled.discard(plugin)
        if plugin in self._budgets:
            self._budgets[plugin].refill()


class IsolatedHook:
    """One hook of one plugin, as the kernel calls it."""

    def __init__(self, isolation: Isolation, plugin: str, name: str) -> None:
        self._isolation = isolation
        self.plugin = plugin
        self._name = name
        self._times = isolation.figures.times(plugin, name)

    async def run(self, work: Awaitable[T], passage: Passage | None = None) -> T:
        """What `work` gives within the limit; UnavailableError where it takes longer."""
        limit_s = self._isolation.limits.decide_s
        started = perf_counter()
        try:
            return await bounded(work, limit_s, passage)
        except WaitedTooLongError as error:
            self.failed(f"took longer than {limit_s:g} s")
            raise self._too_slow(limit_s) from error
        except Exception as error:
            if passage is None or error is not passage.error:
                self._judge(error)
            raise
        finally:
            beyond_s = 0.0 if passage is None else passage.beyond_s
            self._times.observe(started + beyond_s, perf_counter())

    async def react(self, reaction: Awaitable[None]) -> None:
        """Run a reaction to an event within its limit."""
        started = perf_counter()
        try:
            await bounded(reaction, self._isolation.limits.react_s)
        finally:
            self._times.observe(started, perf_counter())

    def judge_reaction(self, error: Exception) -> None:
        """Count a failed reaction; what is away for a while is not the plugin's failure."""
        if isinstance(error, WaitedTooLongError):
            self.failed(f"took longer than {self._isolation.limits.react_s:g} s")
        elif not isinstance(error, UnavailableError) and not is_connection_lost(error):
            self.failed(f"raised {type(error).__name__}")

    def authorizer(self, wrapped: Authorizer) -> Authorizer:
        """The voter within its limit."""
        decide, judge = wrapped.decide, wrapped.judge_replay

        times = self._times

        # Met by every call, and mostly without waiting: what `run` does, without its frames.
        async def guarded_decide(call: ToolCall) -> Verdict | None:
            times.n_votes += 1
            started = perf_counter() if times.n_votes % SAMPLED == 1 else 0.0
            steps = decide(call).__await__()
            try:
                waits_for = next(steps)
            except StopIteration as done:
                if started:
                    times.observe_vote(started, perf_counter())
                verdict: Verdict | None = done.value
                return verdict
            except Exception as error:
                self._judge(error)
                raise
            return await self.run(_rest(steps, waits_for))

        async def guarded_judge(call: ToolCall, first: str) -> None:
            assert judge is not None
            await self.run(judge(call, first))

        return Authorizer(guarded_decide, None if judge is None else guarded_judge)

    def middleware(self, wrapped: Middleware) -> Middleware:
        """The middleware within its limit, which leaves out what it surrounds."""
        limit_s = self._isolation.limits.decide_s
        is_observer = wrapped.layer is Layer.OBSERVE
        disabled, plugin = self._isolation.disabled, self.plugin

        async def guarded(call: ToolCall, call_next: CallNext) -> ToolResult:
            if is_observer and plugin in disabled:
                return await call_next(call)
            passage = Passage(call_next, limit_s)
            return await self.run(wrapped.handle(call, passage), passage=passage)

        return Middleware(wrapped.layer, guarded)

    def failed(self, reason: str) -> None:
        """Count a failure of the hook."""
        self._isolation.charge(self.plugin, self._name, reason)

    def _judge(self, error: Exception) -> None:
        """An error that a plugin means to raise is none of its failures; nor is a lost database."""
        if not isinstance(error, ToolError) and not is_connection_lost(error):
            self.failed(f"raised {type(error).__name__}")

    def _too_slow(self, limit_s: float) -> UnavailableError:
        return UnavailableError(
            f"the plugin {self.plugin} did not decide within {limit_s:g} s",
            remedy="repeat the call; the setting hook_timeout_s is the limit",
        )


async def _rest(steps: Generator[Any, Any, T], waits_for: Any) -> T:
    return await resumed(steps, waits_for)
