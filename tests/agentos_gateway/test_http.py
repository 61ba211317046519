"""Another server at a URL: up, down, restarted, refusing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agentos import Settings
from tests.agentos_gateway.stage import (
    SERVER,
    Foreign,
    approved,
    call,
    gateway_kernel,
    text_of,
    tool_named,
)
from tests.ports import held_port

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def served(foreign: Foreign, port: int, *more: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SERVER), str(foreign.file), str(port), *more
    )
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("protocol", [pytest.param("auto", marks=pytest.mark.nightly), "legacy"])
async def test_a_url_is_called_and_found_again_after_its_restart(
    settings: Settings, foreign: Foreign, protocol: str
) -> None:
    foreign.says(tool_named("echo"))
    with held_port() as port:
        servers = {
            "other": {
                "url": f"http://127.0.0.1:{port}/mcp",
                "protocol": protocol,
                "max_failures": 2,
                "retry_after_s": 0.05,
            }
        }
        async with gateway_kernel(settings, servers) as kernel:
            async with served(foreign, port):
                await approved(kernel)
                assert text_of(await call(kernel, "other__echo", {"n": 1})) == '{"n": 1}'
            down = await call(kernel, "other__echo", {"n": 2})
            assert down.error_code == "unavailable" and "Connect" in down.text
            async with served(foreign, port):
                async with asyncio.timeout(60):
                    while (again := await call(kernel, "other__echo", {"n": 3})).is_error:
                        assert again.error_code == "unavailable", again.text
                        await asyncio.sleep(0.05)
                assert text_of(again) == '{"n": 3}'


async def test_a_server_that_refuses_or_floods_is_not_available(settings: Settings) -> None:
    answers = [
        (b"401 Unauthorized", b"no"),
        (b"503 Service Unavailable", b"later"),
        (b"200 OK", b"<html>a page</html>"),
    ]
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status, body = answers[0]
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 %s\r\ncontent-length: %d\r\n" % (status, len(body)))
        writer.write(b"content-type: text/html\r\nconnection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    servers = {
        f"other{n}": {"url": f"http://127.0.0.1:{port}/mcp", "headers": {"X-Team": "blue"}}
        for n in range(3)
    }
    async with listener, gateway_kernel(settings, servers) as kernel:
        for name, expected in zip(servers, ("401", "503", ""), strict=True):
            result = await call(kernel, "inspect_gateway_server", {"server": name})
            assert result.structured["error"] and expected in result.structured["error"]
            answers.pop(0)
    assert all(b"x-team: blue" in each.lower() for each in seen)
    assert not any(b"agentos_token" in each.lower() for each in seen)
