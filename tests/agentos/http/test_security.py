"""Host, Origin and identity over HTTP: DESIGN section 7."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from agentos import Kernel, Role, Settings, open_kernel
from agentos.http.security import CatchErrors
from agentos.testing import serve_http
from tests.agentos.mcp import edge_plugin
from tests.agentos.mcp.edge import modern_call

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def served(
    settings: Settings, **changes: object
) -> AsyncIterator[tuple[Kernel, httpx.AsyncClient]]:
    changed = settings.model_copy(update=changes)
    async with (
        open_kernel(changed, extra_plugins={"edge_test": edge_plugin}) as kernel,
        serve_http(kernel) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        yield kernel, client


async def caller_of(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    body, needed = modern_call("whoami", {})
    return await client.post("/mcp", json=body, headers=needed | headers)


async def test_a_foreign_host_is_misdirected_on_every_path(http: httpx.AsyncClient) -> None:
    for host in ("evil.example", "evil.example:7420", "127.0.0.1.evil.example", "", "a b", "[::1"):
        for path in ("/mcp", "/healthz", "/metrics", "/events"):
            answer = await http.get(path, headers={"host": host})
            assert answer.status_code in (421, 400), (host, path)


async def test_loopback_names_are_served_with_any_port(http: httpx.AsyncClient) -> None:
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1:7420", "[::1]:7420", "127.0.0.9"):
        answer = await http.get("/healthz", headers={"host": host})
        assert answer.status_code == 200, host


async def test_a_page_of_a_foreign_origin_may_not_call(http: httpx.AsyncClient) -> None:
    for origin in ("https://evil.example", "null", "file://", "http://localhost.evil.example"):
        answer = await caller_of(http, origin=origin)
        assert answer.status_code == 403, origin
        assert answer.json()["error"]["data"]["code"] == "origin_refused"
    assert (await caller_of(http, origin="http://localhost:3000")).status_code == 200


async def test_settings_admit_more_hosts_and_origins(settings: Settings) -> None:
    async with served(
        settings, allowed_hosts=("agents.example",), allowed_origins=("https://ui.example",)
    ) as (_, client):
        known = {"host": "agents.example:443", "origin": "https://ui.example"}
        answer = await caller_of(client, **known)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://ui.example"
        assert (await caller_of(client, host="other.example")).status_code == 421
        assert (await caller_of(client, origin="https://other.example")).status_code == 403


async def test_a_local_caller_needs_no_token_on_loopback(http: httpx.AsyncClient) -> None:
    answer = await caller_of(http)
    assert answer.json()["result"]["structuredContent"]["name"] == "local"


async def test_a_caller_behind_a_proxy_is_not_local(http: httpx.AsyncClient) -> None:
    for header in ("x-forwarded-for", "forwarded", "x-real-ip", "via"):
        assert (await caller_of(http, **{header: "203.0.113.9"})).status_code == 401


@pytest.mark.parametrize("changes", [{"require_token": True}, {"host": "0.0.0.0"}])
async def test_without_a_token_nobody_gets_in_where_tokens_are_required(
    settings: Settings, changes: dict[str, object]
) -> None:
    async with served(settings, **changes) as (kernel, client):
        for path in ("/mcp", "/events", "/metrics", "/api/things/1", "/nowhere"):
            answer = await client.get(path)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"].startswith("Bearer ")
        for path in ("/healthz", "/readyz"):
            assert (await client.get(path)).status_code == 200
        issued = await kernel.tokens.create("carol", Role.PLANNER, now=kernel.clock.now())
        answer = await caller_of(client, authorization=f"Bearer {issued.secret}")
        caller = answer.json()["result"]["structuredContent"]
        assert (caller["name"], caller["role"]) == ("carol", "planner")


async def test_a_bad_expired_or_revoked_token_is_refused_even_on_loopback(
    http: httpx.AsyncClient, kernel: Kernel
) -> None:
    now = kernel.clock.now()
    tokens = kernel.tokens
    expired = await tokens.create("a", Role.WORKER, now=now - timedelta(hours=1), ttl_s=60)
    revoked = await tokens.create("b", Role.WORKER, now=now)
    await tokens.revoke(revoked.id, now=now)
    good = await tokens.create("c", Role.WORKER, now=now)
    assert (await caller_of(http, authorization=f"bearer {good.secret}")).status_code == 200
    for value in (
        f"Bearer {expired.secret}",
        f"Bearer {revoked.secret}",
        f"Bearer {good.secret[:-1]}",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        good.secret,
        "Bearer \xff\xfe",
    ):
        answer = await http.post(
            "/mcp", content=b"{}", headers=[(b"authorization", value.encode("latin-1"))]
        )
        assert answer.status_code == 401, value
        assert answer.json()["error"]["data"]["code"] == "unauthenticated"
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_token_works_until_it_is_revoked_and_not_a_call_longer(
    http: httpx.AsyncClient, kernel: Kernel
) -> None:
    now = kernel.clock.now()
    token = await kernel.tokens.create("carol", Role.WORKER, now=now)
    given = {"authorization": f"Bearer {token.secret}"}
    assert (await caller_of(http, **given)).status_code == 200
    await kernel.tokens.revoke(token.id, now=now)
    assert (await caller_of(http, **given)).status_code == 401


async def test_a_client_that_goes_away_while_it_sends_is_no_failure_of_the_server() -> None:
    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def nobody(message: Message) -> None:
        raise AssertionError("there is nobody to answer")

    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": []}
    with capture_logs() as logs:
        await CatchErrors(read)(scope, gone, nobody)
    assert [line["log_level"] for line in logs] == ["debug"]
