"""Real MCP clients of both eras against a real server: the issue's "Claude Code and Codex connect".

The eras: 2026-07-28 (stateless, Claude Code 2.1.329), 2025-11-25 and 2025-06-18 (Codex 0.169).
"""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client, MCPError

from agentos import Kernel, Role
from tests.agentos.mcp.edge import JSON, Rendezvous, legacy_call, modern_call

pytestmark = pytest.mark.anyio

ERAS = [pytest.param("auto", "2026-07-28"), pytest.param("legacy", "2025-11-25")]


@pytest.mark.parametrize(("mode", "version"), ERAS)
async def test_a_client_of_either_era_lists_and_calls_tools(
    url: str, mode: str, version: str
) -> None:
    async with Client(f"{url}/mcp", mode=mode) as client:
        assert client.protocol_version == version
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == sorted(names) and "echo" in names
        result = await client.call_tool("echo", {"text": "héllo"})
        assert result.structured_content == {"text": "héllo"}
        assert not result.is_error


async def test_a_tool_is_published_with_schemas_and_hints(url: str) -> None:
    async with Client(f"{url}/mcp") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    echo, erase = tools["echo"], tools["erase_note"]
    assert echo.input_schema["properties"]["text"] == {"type": "string"}
    assert echo.input_schema["additionalProperties"] is False
    text = {"text": {"type": "string"}}
    assert echo.output_schema is not None and echo.output_schema["properties"] == text
    assert echo.annotations is not None and erase.annotations is not None
    # What is read-only destroys nothing; the protocol has no other hint for it.
    assert (echo.annotations.read_only_hint, echo.annotations.destructive_hint) == (True, None)
    assert (erase.annotations.read_only_hint, erase.annotations.destructive_hint) == (False, True)
    assert erase.annotations.idempotent_hint is False
    assert echo.annotations.open_world_hint is False


@pytest.mark.parametrize(("mode", "version"), ERAS)
async def test_a_refusal_a_model_can_act_on_is_a_result(url: str, mode: str, version: str) -> None:
    async with Client(f"{url}/mcp", mode=mode) as client:
        result = await client.call_tool("erase_note", {})
        wrong = await client.call_tool("echo", {"txt": "x"})
    assert result.is_error and result.structured_content is not None
    assert result.structured_content["error"] == {
        "code": "conflict",
        "message": "somebody else changed it",
        "remedy": "read it again",
    }
    assert wrong.is_error and wrong.structured_content is not None
    assert wrong.structured_content["error"]["code"] == "invalid_argument"


@pytest.mark.parametrize(("mode", "version"), ERAS)
async def test_an_unknown_tool_is_a_protocol_error_that_names_it(
    url: str, mode: str, version: str
) -> None:
    async with Client(f"{url}/mcp", mode=mode) as client:
        with pytest.raises(MCPError, match="no tool is named 'nope'") as caught:
            await client.call_tool("nope", {})
    assert caught.value.code == -32602


async def test_an_undeclared_failure_tells_the_client_no_insides(url: str) -> None:
    async with Client(f"{url}/mcp") as client:
        result = await client.call_tool("crash", {})
    assert result.is_error and "secret" not in str(result)
    assert "under call CA-" in str(result)


@pytest.mark.parametrize(("mode", "version"), ERAS)
async def test_progress_reaches_a_caller_that_asked_for_it(
    url: str, mode: str, version: str
) -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    async with Client(f"{url}/mcp", mode=mode) as client:
        result = await client.call_tool("count_steps", {"steps": 3}, progress_callback=note)
    assert result.structured_content == {"text": "3 steps"}
    assert seen == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")]


@pytest.mark.parametrize(("mode", "version"), ERAS)
@pytest.mark.parametrize("with_progress", [False, True])
async def test_cancelling_a_call_ends_the_tool_and_leaves_its_outcome(
    url: str, kernel: Kernel, rendezvous: Rendezvous, mode: str, version: str, with_progress: bool
) -> None:
    async def ignore(progress: float, total: float | None, message: str | None) -> None: ...

    async with asyncio.timeout(60), Client(f"{url}/mcp", mode=mode) as client:
        async with anyio.create_task_group() as tasks:

            async def call() -> None:
                await client.call_tool(
                    "rendezvous",
                    {"port": rendezvous.port},
                    progress_callback=ignore if with_progress else None,
                )

            tasks.start_soon(call)
            await rendezvous.arrived.wait()
            tasks.cancel_scope.cancel()
        await rendezvous.left.wait()
        async for event in kernel.bus.follow(0):
            if event.type == "call.finished":
                break
        # The SDK's client breaks where it is closed while the cancelled call's answer comes in.
        await client.list_tools()
    assert event.data["error"]["message"] == "the caller cancelled the call"


async def test_a_2025_06_18_client_is_served_under_its_own_revision(
    http: httpx.AsyncClient,
) -> None:
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "codex", "version": "0.169"},
    }
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
    answer = await http.post("/mcp", json=body, headers=JSON)
    assert answer.json()["result"]["protocolVersion"] == "2025-06-18"
    session = {"mcp-session-id": answer.headers["mcp-session-id"]}
    body, headers = legacy_call("whoami", {})
    answer = await http.post("/mcp", json=body, headers=headers | session)
    caller = answer.json()["result"]["structuredContent"]
    assert caller["claims"] == {"client": "codex/0.169"}


async def test_any_server_answers_a_session_that_another_began(http: httpx.AsyncClient) -> None:
    body, headers = legacy_call("echo", {"text": "x"})
    for session in ("0123456789abcdef", "?" * 2000, "a.!!!", "a.W10"):
        answer = await http.post("/mcp", json=body, headers=headers | {"mcp-session-id": session})
        assert answer.json()["result"]["structuredContent"] == {"text": "x"}


async def test_one_client_cannot_cancel_the_call_of_another(
    http: httpx.AsyncClient, rendezvous: Rendezvous, kernel: Kernel
) -> None:
    token = (await kernel.tokens.create("eve", Role.WORKER, now=kernel.clock.now())).secret
    eve = {"authorization": f"Bearer {token}", "mcp-session-id": "mine"}
    body, headers = legacy_call("rendezvous", {"port": rendezvous.port}, id=7)
    cancel = {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": 7},
    }
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        call = tasks.create_task(
            http.post("/mcp", json=body, headers=headers | {"mcp-session-id": "mine"})
        )
        await rendezvous.arrived.wait()
        for session in ({"mcp-session-id": "theirs"}, {}, eve):
            answer = await http.post("/mcp", json=cancel, headers=headers | session)
            assert answer.status_code == 202
        rendezvous.release()
    assert call.result().json()["result"]["structuredContent"] == {"text": "released"}


async def test_meta_becomes_work_order_and_claims_that_grant_nothing(
    http: httpx.AsyncClient,
) -> None:
    meta = {
        "agentos/work_order": "WO-7",
        "claudecode/toolUseId": "toolu_1",
        "x-codex-turn-metadata": {"model": "gpt-6", "role": "admin", "turn_id": "t" * 500},
        "io.modelcontextprotocol/clientInfo": {"name": "claude", "version": "2.1"},
    }
    body, headers = modern_call("whoami", {}, meta)
    caller = (await http.post("/mcp", json=body, headers=headers)).json()["result"]
    caller = caller["structuredContent"]
    assert (caller["name"], caller["role"], caller["edge"]) == ("local", "worker", "mcp")
    assert caller["work_order"] == "WO-7"
    assert caller["claims"] == {
        "client": "claude/2.1",
        "tool_use_id": "toolu_1",
        "model": "gpt-6",
        "turn_id": "t" * 120,
    }


async def test_a_call_without_progress_is_answered_as_plain_json(http: httpx.AsyncClient) -> None:
    for make in (modern_call, legacy_call):
        body, headers = make("echo", {"text": "x"})
        answer = await http.post("/mcp", json=body, headers=headers)
        assert answer.headers["content-type"] == "application/json"
    for method in ("GET", "DELETE"):
        refused = await http.request(method, "/mcp", headers=JSON)
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
