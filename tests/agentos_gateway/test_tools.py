"""Tools of another server, from approval to answer, over standard input and output."""

from __future__ import annotations

import pytest

from agentos import Settings
from agentos_gateway.gateway import Gateway
from tests.agentos.plugin_factory import records_of
from tests.agentos_gateway.stage import Foreign, approved, call, gateway_kernel, text_of, tool_named

pytestmark = pytest.mark.anyio


async def test_a_tool_is_offered_once_it_is_approved_and_its_calls_are_recorded(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(tool_named("echo"), tool_named("pid"))
    async with gateway_kernel(settings, {"other": foreign.settings()}) as kernel:
        assert not [name for name in kernel.tools if name.startswith("other__")]
        await approved(kernel, "other", "echo")
        assert [name for name in kernel.tools if name.startswith("other__")] == ["other__echo"]
        result = await call(kernel, "other__echo", {"text": "hello"})
        assert text_of(result) == '{"text": "hello"}'
        assert await records_of(kernel, result.call_id) == ["call.allowed", "call.finished"]


async def test_a_server_starts_with_its_first_call_and_not_before(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(tool_named("pid"))
    async with gateway_kernel(settings, {"other": foreign.settings()}) as kernel:
        await approved(kernel)
    async with gateway_kernel(settings, {"other": foreign.settings()}) as kernel:
        connection = kernel.service(Gateway).connections["other"]
        assert "other__pid" in kernel.tools
        assert not connection.is_open
        first = text_of(await call(kernel, "other__pid"))
        assert connection.is_open
        assert text_of(await call(kernel, "other__pid")) == first
