"""`serve` as a process: ports, signals, several workers, restarts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from mcp import Client

from agentos import ConfigurationError, Settings
from agentos.http.listener import bind
from tests.agentos.mcp.edge import Rendezvous, legacy_call, modern_call
from tests.agentos.mcp.processes import command, install_edge_plugin

pytestmark = pytest.mark.anyio


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "site"
    folder.mkdir()
    return install_edge_plugin(folder)


@pytest.fixture
def plugged(settings: Settings) -> Settings:
    changes = {"plugins": ("edge_test",), "port": 0, "database_pool_size": 4}
    return settings.model_copy(update=changes)


class Served:
    """A server process and the URL it announced; its later lines are its log."""

    def __init__(self, process: Process, line: str) -> None:
        self.process = process
        self.line = line
        self.url = line.split(" at ")[1].split("/mcp")[0]

    async def log_line(self, event: str) -> dict[str, object]:
        """The next log entry of that kind."""
        assert self.process.stderr is not None
        while True:
            line = await self.process.stderr.readline()
            assert line, f"the process ended without {event}"
            if line.startswith(b"{") and json.loads(line).get("event") == event:
                found: dict[str, object] = json.loads(line)
                return found


@asynccontextmanager
async def serving(settings: Settings, environment: dict[str, str]) -> AsyncIterator[Served]:
    process = await asyncio.create_subprocess_exec(
        *command("serve", settings), stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(300):
            line = (await process.stderr.readline()).decode()
            assert line.startswith("AgentOS serves MCP at http://127.0.0.1:"), line
            yield Served(process, line)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_taken_port_is_one_line(plugged: Settings, environment: dict[str, str]) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *command("serve", plugged.model_copy(update={"port": port})),
            stderr=PIPE,
            env=environment,
        )
        _, stderr = await process.communicate()
    assert process.returncode == 2
    assert stderr.decode() == (
        f"port {port} on 127.0.0.1 is already in use; choose another with --port\n"
    )


def test_an_address_that_is_not_ours_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match=r"cannot listen on 192\.0\.2\.1 port 7420"):
        bind("192.0.2.1", 7420)


def test_answers_leave_at_once() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # what makes asyncio set TCP_NODELAY


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_a_call_in_flight_finishes_before_the_server_stops(
    plugged: Settings,
    environment: dict[str, str],
    rendezvous: Rendezvous,
    workers: int,
    stop: signal.Signals,
) -> None:
    settings = plugged.model_copy(update={"workers": workers})
    async with serving(settings, environment) as server:
        assert f"({workers} worker" in server.line
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            body, headers = modern_call("rendezvous", {"port": rendezvous.port})
            async with asyncio.TaskGroup() as tasks:
                call = tasks.create_task(client.post("/mcp", json=body, headers=headers))
                events = tasks.create_task(client.get("/events", headers={}))
                await rendezvous.arrived.wait()
                # Which may come to another worker, and is not to find its door closed.
                await asyncio.wait([events])
                server.process.send_signal(stop)
                await _until_refused(server.url)
                rendezvous.release()
            result = call.result().json()["result"]
            assert result["structuredContent"] == {"text": "released"}
            assert events.result().status_code == 403
        assert await server.process.wait() == 0


async def test_a_call_that_outlasts_the_grace_period_does_not_keep_the_server(
    plugged: Settings, environment: dict[str, str], rendezvous: Rendezvous
) -> None:
    settings = plugged.model_copy(update={"shutdown_timeout_s": 1.0})
    async with serving(settings, environment) as server, httpx.AsyncClient() as client:
        body, headers = modern_call("rendezvous", {"port": rendezvous.port})
        call = asyncio.ensure_future(
            client.post(f"{server.url}/mcp", json=body, headers=headers, timeout=60)
        )
        await rendezvous.arrived.wait()
        server.process.terminate()
        assert await server.process.wait() == 0
        answer = await call
    assert answer.status_code == 503
    assert answer.json()["error"]["data"]["code"] == "unavailable"


async def test_clients_of_both_eras_work_across_workers(
    plugged: Settings, environment: dict[str, str]
) -> None:
    settings = plugged.model_copy(update={"workers": 2})
    async with serving(settings, environment) as server:
        for mode in ("auto", "legacy"):
            async with Client(f"{server.url}/mcp", mode=mode) as client:
                for number in range(8):
                    result = await client.call_tool("echo", {"text": str(number)})
                    assert result.structured_content == {"text": str(number)}
        # Every request on a connection of its own, so that both processes get some.
        body, headers = legacy_call("echo", {"text": "x"})
        answers = await asyncio.gather(*(_post_alone(server.url, body, headers) for _ in range(20)))
        assert all("structuredContent" in a.json()["result"] for a in answers)
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as plain:
            figures = (await plain.get("/metrics")).text
        assert 'gen_ai_tool_name="echo",mcp_method_name="tools/call"} 36.0' in figures


async def test_a_worker_that_dies_is_replaced(
    plugged: Settings, environment: dict[str, str]
) -> None:
    settings = plugged.model_copy(update={"workers": 2})
    async with serving(settings, environment) as server:
        victim = _children(server.process.pid)[0]
        os.kill(victim, signal.SIGKILL)
        assert (await server.log_line("worker_died"))["pid"] == victim
        await server.log_line("worker_started")
        assert len(_children(server.process.pid)) == 2
        body, headers = modern_call("echo", {"text": "x"})
        answers = await asyncio.gather(*(_post_alone(server.url, body, headers) for _ in range(10)))
        assert all(answer.status_code == 200 for answer in answers)
        server.process.terminate()
        assert await server.process.wait() == 0


async def test_workers_do_not_outlive_a_supervisor_that_is_killed(
    plugged: Settings, environment: dict[str, str]
) -> None:
    settings = plugged.model_copy(update={"workers": 2})
    async with serving(settings, environment) as server:
        server.process.kill()
        await server.process.wait()
        await _until_refused(server.url)


async def test_a_start_that_fails_in_the_workers_is_one_line(
    plugged: Settings, environment: dict[str, str]
) -> None:
    settings = plugged.model_copy(update={"workers": 2, "plugins": ("edge_test", "missing")})
    process = await asyncio.create_subprocess_exec(
        *command("serve", settings), stderr=PIPE, env=environment
    )
    _, stderr = await process.communicate()
    assert process.returncode == 2
    assert stderr.decode().startswith("plugin 'missing' is enabled but not installed")
    assert stderr.count(b"\n") == 1


async def _post_alone(url: str, body: dict[str, object], headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        return await client.post("/mcp", json=body, headers=headers)


async def _until_refused(url: str) -> None:
    """Wait until nothing accepts connections any more."""
    host, _, port = url.removeprefix("http://").partition(":")
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except ConnectionRefusedError:
            return
        writer.close()
        await asyncio.sleep(0.05)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]
