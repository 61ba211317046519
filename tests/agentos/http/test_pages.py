"""Health, readiness, metrics, and the pages of plugins."""

from __future__ import annotations

import asyncio

import asyncpg
import httpx
import pytest

from agentos import (
    ConfigurationError,
    HttpRequest,
    HttpResponse,
    Kernel,
    Route,
    Settings,
    hookimpl,
    open_kernel,
)
from agentos.http.app import create_app
from tests.agentos.mcp.edge import modern_call

pytestmark = pytest.mark.anyio


async def test_a_process_that_lives_is_healthy_and_ready(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).json()["status"] == "ok"
    ready = await http.get("/readyz")
    assert (ready.status_code, ready.json()) == (
        200,
        {"ready": True, "reasons": [], "disabled_plugins": []},
    )
    assert (await http.head("/healthz")).status_code == 200


async def test_a_server_without_its_migrations_is_not_ready(
    http: httpx.AsyncClient, settings: Settings
) -> None:
    connection = await asyncpg.connect(settings.database_url)
    try:
        await connection.execute("delete from kernel.migration where true")
    finally:
        await connection.close()
    answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert "is not applied" in answer.json()["reasons"][0]
    assert (await http.get("/healthz")).status_code == 200


async def test_metrics_count_calls_by_tool_and_error(http: httpx.AsyncClient) -> None:
    for tool in ("whoami", "whoami", "erase_note"):
        body, headers = modern_call(tool, {})
        await http.post("/mcp", json=body, headers=headers)
    page = await http.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert (
        'mcp_server_operation_duration_seconds_count{error_type="",gen_ai_tool_name="whoami",'
        'mcp_method_name="tools/call"} 2.0'
    ) in page.text
    assert 'agentos_calls_refused_total{code="conflict",gen_ai_tool_name="erase_note"} 1.0' in (
        page.text
    )


async def test_a_plugins_page_gets_path_query_and_principal(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/things/42", params={"view": "full"})
    assert answer.text == "42 full local"
    assert answer.headers["x-thing"] == "42"
    assert answer.headers["content-type"].startswith("text/plain")


async def test_a_page_that_fails_tells_nothing_of_the_inside(http: httpx.AsyncClient) -> None:
    missing = await http.get("/api/things/none")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    broken = await http.get("/api/broken")
    assert broken.status_code == 500
    assert broken.json()["error"]["code"] == "internal"
    assert "secret" not in broken.text


async def test_unknown_paths_and_methods_are_json_errors(http: httpx.AsyncClient) -> None:
    for path in ("/nowhere", "/api/things/", "/%00", "/" + "x" * 5_000, "/../etc/passwd"):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert (await http.post("/healthz")).status_code == 405
    assert (await http.delete("/api/things/1")).status_code == 405


@pytest.mark.parametrize("path", ["/mcp", "/events", "/metrics"])
async def test_a_plugin_cannot_take_a_page_of_the_kernel(settings: Settings, path: str) -> None:
    async def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(b"mine")

    class Thief:
        @hookimpl
        def register_routes(self) -> list[Route]:
            return [Route(path, page)]

    async with open_kernel(settings, extra_plugins={"thief": Thief()}) as kernel:
        with pytest.raises(ConfigurationError, match=path):
            create_app(kernel)


async def test_a_stopping_server_is_not_ready(kernel: Kernel) -> None:
    stopping = asyncio.Event()
    stopping.set()
    transport = httpx.ASGITransport(app=create_app(kernel, stopping))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["the server is stopping"])
