"""Whatever arrives, the answer is a clean error: never a 5xx, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from agentos import CallRequest, Credentials, Kernel
from tests.agentos.mcp.edge import JSON, MODERN, legacy_call, modern_call

pytestmark = pytest.mark.anyio

SURROGATE = "\ud800"
NUL = "\x00"

Maker = Callable[..., tuple[dict[str, Any], dict[str, str]]]

MODERN_HEADERS = JSON | {
    "mcp-protocol-version": MODERN,
    "mcp-method": "tools/call",
    "mcp-name": "echo",
}
LEGACY_HEADERS = JSON | {"mcp-protocol-version": "2025-06-18"}

NOT_A_MESSAGE = [
    (b"", -32700),
    (b"{", -32700),
    (b"\xff\xfe", -32700),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "x", "params": {"a": NaN}}', -32700),
    (b"[" * 100_000, -32700),
    (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800"}}', -32700),
    (b"[]", -32600),
    (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
    (b"null", -32600),
    (b'"text"', -32600),
    (b"{}", -32600),
    (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
    (b'{"jsonrpc":"2.0","id":1}', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
    (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
    (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32600),
    (b'{"jsonrpc":"2.0","id":"' + b"i" * 10_000 + b'","method":"ping"}', -32600),
]


@pytest.mark.parametrize("headers", [MODERN_HEADERS, LEGACY_HEADERS])
async def test_a_body_that_is_no_message_gets_a_json_rpc_error(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for body, code in NOT_A_MESSAGE:
        answer = await http.post("/mcp", content=body, headers=headers)
        assert answer.status_code == 400, body[:80]
        error = answer.json()
        assert (error["id"], error["error"]["code"]) == (None, code), body[:80]
        assert len(answer.content) < 300


@pytest.mark.parametrize("headers", [MODERN_HEADERS, LEGACY_HEADERS])
async def test_a_method_nobody_serves_is_not_found(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for method in ("no/such", "resources/forget", "x" * 10_000, "a\u0000b", "notools/call"):
        body, _ = modern_call("echo", {})
        body["method"] = method
        name = {"mcp-method": "no/such"} if headers is MODERN_HEADERS else {}
        answer = await http.post("/mcp", json=body, headers=headers | name)
        assert answer.status_code < 500
        assert answer.json()["error"]["code"] in (-32601, -32020)
        assert "Traceback" not in answer.text


async def test_another_content_type_is_unsupported(http: httpx.AsyncClient) -> None:
    for kind in ("text/plain", "application/xml", "application/json-seq", ""):
        answer = await http.post("/mcp", content=b"{}", headers={"content-type": kind})
        assert answer.status_code == 415


async def test_a_client_that_takes_no_json_is_told_so(http: httpx.AsyncClient) -> None:
    for headers in (MODERN_HEADERS, LEGACY_HEADERS):
        body, _ = modern_call("echo", {"text": "x"})
        answer = await http.post("/mcp", json=body, headers=headers | {"accept": "image/png"})
        assert answer.status_code == 406


@pytest.mark.parametrize("make", [modern_call, legacy_call])
@pytest.mark.parametrize("odd", [NUL, "x" * 10_000, "é" * 300, "", "\u202e", "a" + NUL])
async def test_odd_text_in_any_field_is_answered_cleanly(
    http: httpx.AsyncClient, kernel: Kernel, make: Maker, odd: str
) -> None:
    requests = [
        make("echo", {"text": odd}),
        make("echo", {odd: "x"}),
        make("echo", {"text": "x", "extra": {odd: [odd]}}),
        make("echo", {"text": "x"}, {"agentos/work_order": odd}),
        make("echo", {"text": "x"}, {"agentos/idempotency_key": odd}),
        make("echo", {"text": "x"}, {"claudecode/toolUseId": odd, odd: odd}),
        make("echo", {"text": "x"}, {"x-codex-turn-metadata": {"model": odd}}),
        make("echo", {"text": "x"}, {"progressToken": odd}),
        make("echo", {"text": "x"}, id=odd[:200]),
    ]
    for body, headers in requests:
        answer = await http.post("/mcp", json=body, headers=headers)
        assert answer.status_code < 500, body
        assert "Traceback" not in answer.text
        assert _outcome(answer), body


@pytest.mark.parametrize("odd", [NUL, "x" * 10_000, "é" * 300, "", "\u202e"])
async def test_an_odd_tool_name_is_an_unknown_tool(http: httpx.AsyncClient, odd: str) -> None:
    body, headers = legacy_call(odd, {})
    answer = await http.post("/mcp", json=body, headers=headers)
    assert answer.json()["error"]["code"] == -32602
    assert len(answer.content) < 1_000


@pytest.mark.parametrize("make", [modern_call, legacy_call])
async def test_values_of_the_wrong_type_are_answered_cleanly(
    http: httpx.AsyncClient, make: Maker
) -> None:
    for odd in (None, 7, 1.5, True, [], {"a": 1}, [["deep"]]):
        for key in ("agentos/work_order", "agentos/idempotency_key", "progressToken"):
            body, headers = make("echo", {"text": "x"}, {key: odd})
            answer = await http.post("/mcp", json=body, headers=headers)
            assert answer.status_code < 500 and _outcome(answer)
        for field in ("arguments", "name", "_meta"):
            body, headers = make("echo", {"text": "x"})
            body["params"][field] = odd
            answer = await http.post("/mcp", json=body, headers=headers)
            assert answer.status_code < 500 and _outcome(answer), (field, odd)


async def test_a_work_order_that_is_no_text_is_refused_and_recorded(
    http: httpx.AsyncClient, kernel: Kernel
) -> None:
    body, headers = modern_call("echo", {"text": "x"}, {"agentos/work_order": 7})
    result = (await http.post("/mcp", json=body, headers=headers)).json()["result"]
    assert result["structuredContent"]["error"]["code"] == "invalid_argument"
    stored = await kernel.bus.reader.read(0)
    assert [event.type for event in stored] == ["call.refused"]


async def test_lone_surrogates_that_pass_a_transport_stop_in_the_kernel(kernel: Kernel) -> None:
    def request(**fields: Any) -> CallRequest:
        given: dict[str, Any] = {"tool": "echo", "arguments": {"text": "x"}}
        return CallRequest(**given | fields, credentials=Credentials(is_local=True), edge="mcp")

    for fields in (
        {"arguments": {"text": SURROGATE}},
        {"arguments": {SURROGATE: "x"}},
        {"arguments": {"text": "x", "extra": {"a": [SURROGATE]}}},
        {"work_order": SURROGATE},
        {"idempotency_key": SURROGATE},
    ):
        result = await kernel.dispatch(request(**fields))
        assert result.error_code == "invalid_argument", fields
        json.dumps(result.structured).encode()


async def test_a_body_over_the_limit_is_refused_declared_or_not(
    http: httpx.AsyncClient, kernel: Kernel
) -> None:
    limit = kernel.settings.max_body_bytes
    body, headers = modern_call("echo", {"text": "x" * limit})
    declared = await http.post("/mcp", json=body, headers=headers)

    async def chunks() -> Any:
        for _ in range(0, limit + 100_000, 65_536):
            yield b" " * 65_536

    undeclared = await http.post("/mcp", content=chunks(), headers=headers)
    for answer in (declared, undeclared):
        assert answer.status_code == 413
        assert str(limit) in answer.json()["error"]["message"]


async def test_a_large_body_within_the_limit_is_served(http: httpx.AsyncClient) -> None:
    body, headers = modern_call("echo", {"text": "x" * 900_000})
    answer = await http.post("/mcp", json=body, headers=headers)
    assert len(answer.json()["result"]["structuredContent"]["text"]) == 900_000


def _outcome(answer: httpx.Response) -> bool:
    """Whether the answer is a JSON-RPC response, plain or as an event stream."""
    text = answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        text = next(line for line in text.splitlines() if line.startswith("data:"))[5:]
    message = json.loads(text)
    return "result" in message or "error" in message
