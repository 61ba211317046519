"""`GET /events`: every committed event, resumable, for those who oversee work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from agentos import CallRequest, Credentials, Kernel, Role, Settings, open_kernel
from agentos.mcp import event_stream
from agentos.testing import serve_http
from tests.agentos.mcp import edge_plugin, published_plugin

pytestmark = pytest.mark.anyio


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    """A kernel whose local caller may read the log."""
    as_admin = settings.model_copy(update={"role": Role.ADMIN})
    async with open_kernel(as_admin, extra_plugins={"edge_test": edge_plugin}) as kernel:
        yield kernel


async def call_echo(kernel: Kernel, times: int) -> None:
    request = CallRequest("echo", {"text": "x\ny"}, Credentials(is_local=True), edge="mcp")
    for _ in range(times):
        assert not (await kernel.dispatch(request)).is_error


async def read_events(
    http: httpx.AsyncClient, count: int, *, after: str | None = None, last: str | None = None
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    params = {} if after is None else {"after": after}
    headers = {} if last is None else {"last-event-id": last}
    async with (
        asyncio.timeout(60),
        http.stream("GET", "/events", params=params, headers=headers) as r,
    ):
        assert r.headers["content-type"] == "text/event-stream"
        fields: dict[str, str] = {}
        async for line in r.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "data" in fields:
                event = orjson.loads(fields["data"])
                assert (fields["id"], fields["event"]) == (str(event["position"]), event["type"])
                found.append(event)
            fields = {}
            if len(found) == count:
                return found
    return found


async def test_events_come_in_order_with_all_their_fields(
    http: httpx.AsyncClient, kernel: Kernel
) -> None:
    await call_echo(kernel, 2)
    stored = await kernel.bus.reader.read(0)
    streamed = await read_events(http, 4)
    assert [e["hash"] for e in streamed] == [e.hash for e in stored]
    assert set(streamed[0]) == {
        *("position", "stream", "seq", "type", "actor", "at", "data", "prev_hash", "hash")
    }
    assert streamed[0]["at"].endswith("Z")


async def test_a_stream_resumes_after_a_position_and_the_last_event_id_wins(
    http: httpx.AsyncClient, kernel: Kernel
) -> None:
    await call_echo(kernel, 3)
    positions = [e["position"] for e in await read_events(http, 6)]
    resumed = await read_events(http, 4, after=str(positions[1]))
    assert [e["position"] for e in resumed] == positions[2:]
    again = await read_events(http, 2, after="0", last=str(positions[3]))
    assert [e["position"] for e in again] == positions[4:]


async def test_an_open_stream_gets_what_is_committed_later(
    http: httpx.AsyncClient, kernel: Kernel
) -> None:
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read_events(http, 6))
        await call_echo(kernel, 3)
    types = [e["type"] for e in reading.result()]
    assert types == ["call.allowed", "call.finished"] * 3


@pytest.mark.parametrize("role", list(Role))
async def test_only_those_who_oversee_work_read_the_log(
    http: httpx.AsyncClient, kernel: Kernel, role: Role
) -> None:
    token = await kernel.tokens.create("someone", role, now=kernel.clock.now())
    headers = {"authorization": f"Bearer {token.secret}"}
    async with http.stream("GET", "/events", headers=headers) as answer:
        assert answer.status_code == (403 if role is Role.WORKER else 200)


async def test_an_open_stream_ends_when_its_token_is_revoked(
    http: httpx.AsyncClient, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_S", 0.05)
    token = await kernel.tokens.create("someone", Role.PLANNER, now=kernel.clock.now())
    headers = {"authorization": f"Bearer {token.secret}"}
    async with asyncio.timeout(60), http.stream("GET", "/events", headers=headers) as answer:
        assert answer.status_code == 200
        await kernel.tokens.revoke(token.id, now=kernel.clock.now())
        async for _ in answer.aiter_lines():
            pass


@pytest.mark.parametrize("position", ["-1", "x", "1.5", "", " 1", "9" * 20, "\u0663"])
async def test_a_position_that_is_none_is_refused(http: httpx.AsyncClient, position: str) -> None:
    answer = await http.get("/events", params={"after": position})
    assert answer.status_code == 400


async def test_a_quiet_stream_beats(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_S", 0.05)
    async with asyncio.timeout(60), http.stream("GET", "/events") as answer:
        seen = 0
        async for line in answer.aiter_lines():
            seen += line == ": heartbeat"
            if seen == 3:
                return


async def test_open_streams_end_when_the_server_stops(kernel: Kernel) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient(timeout=60) as client:
        async with serve_http(kernel) as url:
            stream = await client.send(client.build_request("GET", f"{url}/events"), stream=True)
        assert [line async for line in stream.aiter_lines()] == [": stream of events", ""]
        await stream.aclose()


async def test_a_principal_holds_only_so_many_streams_and_the_next_one_is_told_what_to_do(
    settings: Settings,
) -> None:
    """Of whichever kind: the log, changes before 2026, changes since."""
    chosen = settings.model_copy(update={"open_stream_limit": 2})
    session = {"mcp-session-id": "s.x", "accept": "text/event-stream"}
    async with (
        open_kernel(chosen, extra_plugins={"published": published_plugin}) as kernel,
        serve_http(kernel) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as http,
    ):
        tokens = [
            await kernel.tokens.create(name, Role.ADMIN, now=kernel.clock.now())
            for name in ("greedy", "modest")
        ]
        greedy, modest = ({"authorization": f"Bearer {each.secret}"} for each in tokens)
        async with (
            http.stream("GET", "/events", headers=greedy) as one,
            http.stream("GET", "/mcp", headers={**greedy, **session}) as two,
        ):
            assert (one.status_code, two.status_code) == (200, 200)
            for path in ("/events", "/mcp"):
                async with asyncio.timeout(60):
                    refused = await http.get(path, headers={**greedy, **session})
                assert refused.status_code == 429, refused.text
                assert refused.headers["retry-after"] == "30"
                assert "open_stream_limit" in refused.text and "close a stream" in refused.text
            async with create_mcp_http_client(headers=greedy) as own:
                listening = Client(streamable_http_client(f"{url}/mcp", http_client=own))
                async with listening as client:
                    with pytest.raises(MCPError, match="open_stream_limit"):
                        async with client.listen(tools_list_changed=True):
                            pass
            async with http.stream("GET", "/events", headers=modest) as other:
                assert other.status_code == 200
        async with asyncio.timeout(60):
            while (await _status(http, greedy)) == 429:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.02)


async def _status(http: httpx.AsyncClient, headers: dict[str, str]) -> int:
    async with http.stream("GET", "/events", headers=headers) as answer:
        return answer.status_code
