"""A plugin's trouble stays its own: limits, error budgets and figures of hooks (issue 5)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from agentos import (
    CallNext,
    CallRefusedError,
    ConfigurationError,
    Credentials,
    Event,
    Kernel,
    Layer,
    Middleware,
    NotFoundError,
    Principal,
    Settings,
    Tool,
    ToolCall,
    ToolResult,
    UnavailableError,
    Verdict,
    Wrapper,
    authorizer,
    hookimpl,
    open_kernel,
    tool,
)
from agentos.isolation.budget import ErrorBudget
from agentos.isolation.hook_times import HookFigures
from agentos.isolation.hooks import Isolation, Limits
from agentos.testing import AllowEverything, wait_for_event
from tests.agentos.notes import Note
from tests.agentos.plugin_factory import Plugin, call_tool, records_of

pytestmark = pytest.mark.anyio


@tool(writes=["notes"])
async def keep(call: ToolCall) -> Note:
    """Keep a note."""
    await asyncio.sleep(0.3)
    return Note(call=call.id, text="kept")


@dataclass(eq=False)
class Wrapping:
    """A plugin with one wrapper."""

    wrapper: Wrapper

    @hookimpl
    def wrap_tool_call(self, tool: Tool) -> Wrapper:
        return self.wrapper


@dataclass(eq=False)
class Reacting:
    """A plugin whose reaction to finished calls is the test's."""

    react: Callable[[], Awaitable[None]]
    seen: list[str] = field(default_factory=list)

    @hookimpl
    def on_event(self, event: Event) -> Callable[[Kernel], Awaitable[None]] | None:
        if event.type != "call.finished":
            return None

        async def react(kernel: Kernel) -> None:
            self.seen.append(event.data["call"])
            await self.react()

        return react


@asynccontextmanager
async def kernel_with(
    settings: Settings, *, changes: dict[str, Any] | None = None, **plugins: Any
) -> AsyncIterator[Kernel]:
    chosen = settings.model_copy(update=changes or {})
    own = {"allow": AllowEverything(), "notes": Plugin(tools=[keep])}
    async with open_kernel(chosen, extra_plugins=own | plugins) as kernel:
        yield kernel


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0.01)


async def broken() -> None:
    raise ValueError("a bug")


async def test_an_authorizer_that_waits_too_long_refuses_the_call(settings: Settings) -> None:
    stuck = asyncio.Event()

    @authorizer
    async def never(call: ToolCall) -> Verdict | None:
        await stuck.wait()
        return Verdict.allow("never")

    async with kernel_with(
        settings, changes={"hook_timeout_s": 0.05}, slow=Wrapping(never)
    ) as kernel:
        refused = await call_tool(kernel, "keep", {})
        assert refused.error_code == "unavailable"
        assert "the plugin slow did not decide within 0.05 s" in refused.text
        assert await records_of(kernel, refused.call_id) == ["call.refused"]


@pytest.mark.parametrize("waits", ["before", "after"])
async def test_a_middleware_is_limited_in_its_own_time_and_not_in_the_body_s(
    settings: Settings, waits: str
) -> None:
    stuck = asyncio.Event()

    async def handle(call: ToolCall, call_next: CallNext) -> ToolResult:
        if waits == "before" and call.claims.get("stuck"):
            await stuck.wait()
        result = await call_next(call)
        if waits == "after" and call.claims.get("stuck"):
            await stuck.wait()
        return result

    plugin = Wrapping(Middleware(Layer.TRANSFORM, handle))
    async with kernel_with(settings, changes={"hook_timeout_s": 0.1}, slow=plugin) as kernel:
        # The body takes three times as long as a hook may.
        assert not (await call_tool(kernel, "keep", {})).is_error
        cut = await call_tool(kernel, "keep", {}, claims={"stuck": True})
        assert cut.error_code == "unavailable" and "the plugin slow" in cut.text


async def test_a_plugin_that_decides_refuses_for_ever_and_is_never_disabled(
    settings: Settings,
) -> None:
    @authorizer
    async def buggy(call: ToolCall) -> Verdict | None:
        raise ValueError("a bug")

    changes = {"plugin_error_budget": 2}
    async with kernel_with(settings, changes=changes, buggy=Wrapping(buggy)) as kernel:
        for _ in range(4):
            assert (await call_tool(kernel, "keep", {})).is_error
        assert await kernel.hooks.states.list_disabled(["buggy"]) == []
        # Not even by an event that says so.
        kernel.hooks.isolation.disable("buggy")
        assert (await call_tool(kernel, "keep", {})).is_error


async def test_a_plugin_that_only_observes_is_disabled_and_enabled_in_every_process(
    settings: Settings,
) -> None:
    reacting, other = Reacting(broken), Reacting(broken)
    changes = {"plugin_error_budget": 2}
    async with (
        kernel_with(settings, changes=changes, watcher=reacting) as kernel,
        kernel_with(settings, changes={"plugin_error_budget": 0}, watcher=other) as second,
    ):
        for _ in range(2):
            assert not (await call_tool(kernel, "keep", {})).is_error
        await until(lambda: "watcher" in second.hooks.isolation.disabled)
        assert reacting.seen == other.seen and len(reacting.seen) == 2
        await call_tool(kernel, "keep", {})
        [disabled] = await kernel.hooks.states.list_disabled(["watcher", "notes"])
        assert (disabled.name, disabled.hook) == ("watcher", "on_event")
        assert disabled.reason == "raised ValueError"

        await second.hooks.states.enable("watcher", now=second.clock.now(), by="ada")
        await until(lambda: not kernel.hooks.isolation.disabled)
        await call_tool(kernel, "keep", {})
        await until(lambda: len(reacting.seen) == 3)
        with pytest.raises(NotFoundError, match="no plugin 'watcher' is disabled"):
            await second.hooks.states.enable("watcher", now=second.clock.now(), by="ada")


async def test_a_disabled_plugin_stays_disabled_over_a_restart(settings: Settings) -> None:
    changes = {"plugin_error_budget": 1}
    async with kernel_with(settings, changes=changes, watcher=Reacting(broken)) as kernel:
        await call_tool(kernel, "keep", {})
        await wait_for_event(kernel, "plugin.disabled", {"plugin": "watcher", "errors": 1})
    again = Reacting(broken)
    async with kernel_with(settings, watcher=again) as kernel:
        assert kernel.hooks.isolation.disabled == {"watcher"}
        await call_tool(kernel, "keep", {})
    assert again.seen == []


async def test_a_failing_observer_of_calls_is_left_out_once_its_budget_is_used_up(
    settings: Settings,
) -> None:
    async def handle(call: ToolCall, call_next: CallNext) -> ToolResult:
        await call_next(call)
        raise ValueError("a bug")

    plugin = Wrapping(Middleware(Layer.OBSERVE, handle))
    async with kernel_with(settings, changes={"plugin_error_budget": 2}, watcher=plugin) as kernel:
        outcomes = [(await call_tool(kernel, "keep", {})).is_error for _ in range(3)]
        assert outcomes == [True, True, False]


async def test_refusals_and_what_is_away_for_a_while_are_no_failures(settings: Settings) -> None:
    async def handle(call: ToolCall, call_next: CallNext) -> ToolResult:
        raise CallRefusedError("not today", rule="today")

    async def away() -> None:
        raise UnavailableError("the tracker does not answer")

    reacting = Reacting(away)
    async with kernel_with(
        settings,
        changes={"plugin_error_budget": 1},
        refusing=Wrapping(Middleware(Layer.OBSERVE, handle)),
        waiting=reacting,
    ) as kernel:
        await call_tool(kernel, "keep", {})
        assert not kernel.hooks.isolation.disabled
    assert "away" not in kernel.hooks.isolation.disabled


async def test_a_reaction_that_fails_or_hangs_keeps_the_event_from_nobody(
    settings: Settings,
) -> None:
    stuck = asyncio.Event()

    async def hang() -> None:
        await stuck.wait()

    async def fine() -> None:
        return None

    reached = Reacting(fine)
    plugins = {"a_broken": Reacting(broken), "b_hanging": Reacting(hang), "c_fine": reached}
    async with kernel_with(settings, changes={"reaction_timeout_s": 0.05}, **plugins) as kernel:
        result = await call_tool(kernel, "keep", {})
        await until(lambda: reached.seen == [result.call_id])


async def test_a_slow_identity_refuses_the_caller(settings: Settings) -> None:
    stuck = asyncio.Event()

    class Slow:
        @hookimpl
        def resolve_principal(
            self, credentials: Credentials
        ) -> Callable[[Kernel], Awaitable[Principal | None]]:
            async def resolve(kernel: Kernel) -> Principal | None:
                await stuck.wait()
                return None

            return resolve

    async with kernel_with(settings, changes={"hook_timeout_s": 0.05}, slow=Slow()) as kernel:
        assert (await call_tool(kernel, "keep", {})).error_code == "unavailable"


async def test_a_cancelled_call_reaches_a_hook_that_waits(settings: Settings) -> None:
    arrived, left = asyncio.Event(), asyncio.Event()

    @authorizer
    async def waiting(call: ToolCall) -> Verdict | None:
        arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return None

    async with kernel_with(settings, slow=Wrapping(waiting)) as kernel:
        calling = asyncio.create_task(call_tool(kernel, "keep", {}))
        await arrived.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert left.is_set()


async def test_the_time_of_every_hook_and_its_failures_are_in_the_metrics(
    settings: Settings,
) -> None:
    async def handle(call: ToolCall, call_next: CallNext) -> ToolResult:
        return await call_next(call)

    plugins: dict[str, Any] = {
        "watcher": Reacting(broken),
        "wrapping": Wrapping(Middleware(Layer.TRANSFORM, handle)),
    }
    async with kernel_with(settings, **plugins) as kernel:
        await call_tool(kernel, "keep", {})
        await until(lambda: bool(kernel.hooks.isolation._budgets))
        await asyncio.gather(*(call_tool(kernel, "keep", {}) for _ in range(16)))
        text = (await kernel.metrics.scrape()).decode()
    assert 'agentos_hook_duration_seconds_count{hook="on_event",plugin="watcher"}' in text
    assert 'agentos_hook_failures_total{hook="on_event",plugin="watcher"}' in text
    # Every sixteenth vote is timed, the first one too.
    assert 'duration_seconds_count{hook="wrap_tool_call",plugin="allow"} 17.0' in text
    labels = r'\{hook="wrap_tool_call",plugin="wrapping"\}'
    assert re.search(rf"agentos_hook_duration_seconds_count{labels} 17\.0", text)
    total = re.search(rf"agentos_hook_duration_seconds_sum{labels} (\S+)", text)
    # Each body sleeps for 0.3 s, which is not the middleware's.
    assert total is not None and 0 < float(total[1]) < 1


async def test_a_plugin_that_wraps_others_hooks_stops_the_start(settings: Settings) -> None:
    class Meddling:
        @hookimpl(wrapper=True)
        def on_event(self, event: Event) -> Any:
            yield
            return []

    with pytest.raises(ConfigurationError, match="'meddling' wraps the hook on_event"):
        async with kernel_with(settings, meddling=Meddling()):
            pytest.fail("the kernel started")


def test_a_budget_is_used_up_by_failures_within_its_window_only() -> None:
    now = [0.0]
    budget = ErrorBudget(3, 10.0, lambda: now[0])
    verdicts = []
    for at in (0, 6, 12, 13, 14):
        now[0] = at
        verdicts.append(budget.charge())
    assert verdicts == [False, False, False, True, True]
    budget.refill()
    assert not budget.charge()
    assert not any(ErrorBudget(0, 10.0).charge() for _ in range(100))


def test_isolation_costs_a_hook_that_does_not_wait_about_a_microsecond() -> None:
    """A loose bound, for a shared machine; `agentos bench policy` has the figure."""

    async def decide(call: Any) -> Verdict | None:
        return None

    isolation = Isolation(HookFigures(CollectorRegistry()), Limits(10, 10, 20, 600))
    guarded = isolation.wrap("p", authorizer(decide))
    assert not isinstance(guarded, Middleware)

    def cpu_us(vote: Callable[[Any], Awaitable[Verdict | None]]) -> float:
        best = float("inf")
        for _ in range(7):
            started = time.thread_time()
            for _ in range(5_000):
                with suppress(StopIteration):
                    next(vote(None).__await__())
            best = min(best, time.thread_time() - started)
        return best / 5_000 * 1e6

    assert cpu_us(guarded.decide) - cpu_us(decide) < 5.0
