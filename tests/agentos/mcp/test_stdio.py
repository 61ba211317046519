"""The stdio edge as a client starts it: a process whose standard output is the protocol's alone."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from agentos import Role, Settings, open_kernel
from tests.agentos.mcp.edge import Rendezvous
from tests.agentos.mcp.processes import command, install_edge_plugin

pytestmark = pytest.mark.anyio

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

Ask = Callable[[bytes], Awaitable[Any]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "site"
    folder.mkdir()
    return install_edge_plugin(folder)


@pytest.fixture
def plugged(settings: Settings) -> Settings:
    return settings.model_copy(update={"plugins": ("edge_test",)})


@asynccontextmanager
async def stdio_process(
    settings: Settings, environment: dict[str, str]
) -> AsyncIterator[tuple[Process, Ask]]:
    process = await asyncio.create_subprocess_exec(
        *command("stdio", settings), stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment
    )
    assert process.stdin is not None and process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    async def ask(line: bytes) -> Any:
        stdin.write(line + b"\n")
        return json.loads(await stdout.readline())

    try:
        async with asyncio.timeout(60):
            yield process, ask
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_a_client_of_either_era_works_over_stdio_in_spite_of_prints(
    plugged: Settings, environment: dict[str, str], mode: str, version: str
) -> None:
    executable, *arguments = command("stdio", plugged)
    parameters = StdioServerParameters(command=executable, args=arguments, env=environment)
    async with asyncio.timeout(60), Client(parameters, mode=mode) as client:
        assert client.protocol_version == version
        printed = await client.call_tool("print_noise", {})
        assert printed.structured_content == {"text": "printed"}
        caller = (await client.call_tool("whoami", {})).structured_content
    assert caller is not None
    assert (caller["name"], caller["role"], caller["edge"]) == ("local", "worker", "stdio")
    assert caller["claims"]["client"].startswith("mcp/")


async def test_the_token_of_the_settings_is_the_caller(
    plugged: Settings, environment: dict[str, str]
) -> None:
    async with open_kernel(plugged.model_copy(update={"plugins": ()})) as kernel:
        issued = await kernel.tokens.create("carol", Role.REVIEWER, now=kernel.clock.now())
    as_carol = plugged.model_copy(update={"token": issued.secret})
    executable, *arguments = command("stdio", as_carol)
    parameters = StdioServerParameters(command=executable, args=arguments, env=environment)
    async with asyncio.timeout(60), Client(parameters) as client:
        caller = (await client.call_tool("whoami", {})).structured_content
    assert caller is not None and (caller["name"], caller["role"]) == ("carol", "reviewer")


async def test_a_token_nobody_issued_stops_the_start_with_one_line(
    plugged: Settings, environment: dict[str, str]
) -> None:
    wrong = plugged.model_copy(update={"token": "aos_" + "x" * 43})
    async with stdio_process(wrong, environment) as (process, _):
        stdout, stderr = await process.communicate()
    assert (process.returncode, stdout) == (2, b"")
    assert stderr.decode().strip() == "AGENTOS_TOKEN: the bearer token is not known to this server"


async def test_malformed_lines_are_answered_and_the_connection_lives_on(
    plugged: Settings, environment: dict[str, str]
) -> None:
    small = plugged.model_copy(update={"max_body_bytes": 2048})
    lines = {
        b"{": -32700,
        b"\xff": -32700,
        b"[]": -32600,
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800"}}': -32700,
        b'{"jsonrpc":"2.0","id":1,"method":"x' + b"x" * 200_000 + b'"}': -32600,
    }
    async with stdio_process(small, environment) as (_, ask):
        for line, code in lines.items():
            answer = await ask(line)
            assert (answer["id"], answer["error"]["code"]) == (None, code)
        assert (await ask(json.dumps(PING).encode()))["result"] == {}


@pytest.mark.parametrize("end", ["eof", "sigterm", "sigint"])
async def test_the_server_ends_quietly_when_told_to(
    plugged: Settings, environment: dict[str, str], end: str
) -> None:
    async with stdio_process(plugged, environment) as (process, ask):
        assert process.stdin is not None and process.stdout is not None
        await ask(json.dumps(PING).encode())
        if end == "eof":
            process.stdin.close()
        else:
            process.send_signal(getattr(signal, end.upper()))
        assert await process.wait() == 0
        assert await process.stdout.read() == b""


async def test_a_cancelled_call_ends_its_tool(
    plugged: Settings, environment: dict[str, str], rendezvous: Rendezvous
) -> None:
    executable, *arguments = command("stdio", plugged)
    parameters = StdioServerParameters(command=executable, args=arguments, env=environment)
    async with asyncio.timeout(60), Client(parameters) as client:
        call = asyncio.ensure_future(client.call_tool("rendezvous", {"port": rendezvous.port}))
        await rendezvous.arrived.wait()
        call.cancel()
        await rendezvous.left.wait()
        after = await client.call_tool("echo", {"text": "still here"})
    assert after.structured_content == {"text": "still here"}
