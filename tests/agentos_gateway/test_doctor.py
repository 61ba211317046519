"""`agentos doctor` of other servers and of disabled plugins, by what stands in the database."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from agentos import Kernel, Settings
from agentos.cli.checks import checks_of_state
from agentos.isolation import DisabledPlugin, PluginStates
from agentos.registry import SetupCheck
from tests.agentos_gateway.stage import Foreign, approved, call, gateway_kernel, tool_named

pytestmark = pytest.mark.anyio


async def test_the_doctor_tells_how_each_server_is_and_what_to_do(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(tool_named("echo"), tool_named("pid"))
    servers: dict[str, dict[str, Any]] = {
        "broken": {"command": sys.executable, "args": ["-c", "raise SystemExit(3)"]},
        "fine": foreign.settings(),
        "idle": {"url": "http://127.0.0.1:9/mcp"},
    }
    servers["broken"]["max_failures"] = 1
    async with gateway_kernel(settings, servers) as kernel:
        await approved(kernel, "fine", "echo")
        await call(kernel, "inspect_gateway_server", {"server": "broken"})
        # Another process asks: what is known there is what was written down.
        waiting = "1 new, waiting for approval (pid)"
        found = await told(
            kernel,
            lambda checks: (
                "circuit open" in checks["gateway broken"].detail
                and waiting in checks["gateway fine"].detail
            ),
        )
        fine, broken, idle = (found[f"gateway {name}"] for name in ("fine", "broken", "idle"))
        assert fine.ok and fine.remedy is None
        assert "stdio" in fine.detail and "1 approved (echo)" in fine.detail
        assert waiting in fine.detail
        assert not broken.ok and "circuit open; last error: " in broken.detail
        assert "exit code 3" in broken.detail
        assert broken.remedy is not None and "`agentos gateway test broken`" in broken.remedy
        assert not idle.ok and "http, http://127.0.0.1:9/mcp" in idle.detail
        assert "never asked" in idle.detail and "`agentos gateway approve idle`" in str(idle.remedy)
        assert json.loads(json.dumps(dict(fine.facts))) == {
            "server": "fine",
            "transport": "stdio",
            "origin": sys.executable,
            "approved": ["echo"],
            "waiting": {"new": ["pid"], "changed": [], "missing": []},
            "is_connected": True,
            "circuit": "closed",
            "last_error": None,
        }
        foreign.says(tool_named("echo", description="Something else."), tool_named("pid"))
        await call(kernel, "fine__echo")
        found = await told(kernel, lambda checks: not checks["gateway fine"].ok)
        assert "1 changed, waiting for approval (echo)" in found["gateway fine"].detail
        assert "`agentos gateway status fine`" in str(found["gateway fine"].remedy)
    # A server that is not running holds no connection and no breaker open.
    async with gateway_kernel(settings, servers) as kernel:
        found = await told(kernel, lambda checks: True)
        assert "circuit closed" in found["gateway broken"].detail


async def told(
    kernel: Kernel, is_enough: Callable[[dict[str, SetupCheck]], object]
) -> dict[str, SetupCheck]:
    """What the doctor finds, once that is what a process had to write down."""

    async with asyncio.timeout(60):
        while True:
            checks = await checks_of_state(kernel.settings, kernel.database)
            found = {each.name: each for each in checks}
            if is_enough(found):
                return found
            await asyncio.sleep(0.05)


async def test_the_doctor_names_disabled_plugins_and_how_to_enable_them(
    settings: Settings, foreign: Foreign
) -> None:
    async with gateway_kernel(settings, {}) as kernel:
        (well,) = await checks_of_state(kernel.settings, kernel.database)
        assert (well.name, well.ok, well.detail) == ("disabled plugins", True, "none")
        states = PluginStates(kernel.database, kernel.events)
        now = kernel.clock.now()
        why = DisabledPlugin("gateway", "on_event", "20 errors in 600 s", now)
        await states.disable(why, errors=20, window_s=600)
        (ill,) = await checks_of_state(kernel.settings, kernel.database)
        assert not ill.ok and "gateway since " in ill.detail and "20 errors" in ill.detail
        assert "`agentos plugins enable gateway`" in str(ill.remedy)
        (fact,) = ill.facts["disabled"]
        assert (fact["name"], fact["hook"]) == ("gateway", "on_event")
