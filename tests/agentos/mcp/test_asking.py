"""Questions of a running tool to its client: by a repeated call, or on the stream of the call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from mcp import Client, MCPError
from mcp.types import ElicitResult, ListRootsResult, Root

from agentos import Kernel, Role, Settings, open_kernel
from agentos.mcp.dialogue import Replies
from agentos.testing import serve_http
from tests.agentos.mcp import published_plugin
from tests.agentos.mcp.edge import JSON, MODERN

pytestmark = pytest.mark.anyio

ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    async with open_kernel(settings, extra_plugins={"published": published_plugin}) as kernel:
        yield kernel


class Person:
    """Answers forms in the order in which they come."""

    def __init__(self, *answers: ElicitResult) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        self.asked.append(params.message)
        return self.answers.pop(0)


def accept(**content: Any) -> ElicitResult:
    return ElicitResult(action="accept", content=content)


def said(result: Any) -> str:
    assert not result.is_error, result
    return str(result.structured_content["text"])


@ERAS
async def test_a_filled_form_reaches_the_body_with_its_defaults(url: str, mode: Any) -> None:
    person = Person(accept(title="Dune"))
    async with Client(f"{url}/mcp", mode=mode, elicitation_callback=person) as client:
        result = await client.call_tool("order_book", {"shop": "Powell's"})
    assert (said(result), person.asked) == ("1 x Dune", ["Which book from Powell's?"])


@ERAS
async def test_the_record_of_a_call_says_what_was_answered_by_its_digest(
    kernel: Kernel, url: str, mode: Any
) -> None:
    answers = [accept(title="A"), accept(title="B"), accept(title="A"), accept(title="C")]
    async with Client(f"{url}/mcp", mode=mode, elicitation_callback=Person(*answers)) as client:
        await client.call_tool("order_twice", {})
        await client.call_tool("order_twice", {})
    first, second = [
        event.data["answers"]
        for event in await kernel.bus.reader.read(0)
        if event.type == "call.finished" and event.data["outcome"] == "ok"
    ]
    assert first["first"] == second["first"] != first["second"] != second["second"]
    assert {each["action"] for each in first.values()} == {"accept"}


@ERAS
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_declined_form_is_an_answer_too(url: str, mode: Any, action: Any) -> None:
    person = Person(ElicitResult(action=action))
    async with Client(f"{url}/mcp", mode=mode, elicitation_callback=person) as client:
        assert said(await client.call_tool("order_book", {"shop": "x"})) == "nothing"


@ERAS
async def test_a_second_question_may_depend_on_the_first_answer(url: str, mode: Any) -> None:
    person = Person(accept(title="A"), accept(title="B"))
    async with Client(f"{url}/mcp", mode=mode, elicitation_callback=person) as client:
        assert said(await client.call_tool("order_twice", {})) == "A, B"
    assert person.asked == ["First?", "After A?"]


@ERAS
async def test_a_form_filled_wrongly_is_an_error_that_names_the_field(url: str, mode: Any) -> None:
    person = Person(accept(title="Dune", copies="many"))
    async with Client(f"{url}/mcp", mode=mode, elicitation_callback=person) as client:
        result = await client.call_tool("order_book", {"shop": "x"})
    assert result.is_error
    assert "`copies`" in result.structured_content["error"]["message"]


@ERAS
async def test_folders_of_the_client_are_told(url: str, mode: Any) -> None:
    async def roots(context: Any) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri="file:///a"), Root(uri="file:///b")])  # type: ignore[arg-type]

    async with Client(f"{url}/mcp", mode=mode, list_roots_callback=roots) as client:
        assert said(await client.call_tool("open_folders", {})) == "file:///a file:///b"


async def test_a_client_that_cannot_answer_is_told_which_capability_it_lacks(url: str) -> None:
    async with Client(f"{url}/mcp", mode="legacy") as client:
        result = await client.call_tool("order_book", {"shop": "x"})
        assert result.is_error
        assert result.structured_content["error"]["code"] == "invalid_state"
        assert "elicitation" in result.structured_content["error"]["message"]
    async with Client(f"{url}/mcp") as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool("order_book", {"shop": "x"})
    assert refused.value.error.code == -32021
    assert refused.value.error.data == {"requiredCapabilities": {"elicitation": {}}}


@ERAS
async def test_a_body_that_is_not_declared_to_ask_fails_closed(url: str, mode: Any) -> None:
    async with Client(f"{url}/mcp", mode=mode, elicitation_callback=Person()) as client:
        result = await client.call_tool("ask_unannounced", {})
    assert result.structured_content["error"]["rule"] == "fail_closed"


@ERAS
async def test_a_body_that_asks_while_it_holds_a_transaction_fails_closed(
    kernel: Kernel, url: str, mode: Any
) -> None:
    async with Client(f"{url}/mcp", mode=mode, elicitation_callback=Person()) as client:
        result = await client.call_tool("ask_too_late", {})
    assert result.structured_content["error"]["rule"] == "fail_closed"
    assert await kernel.bus.reader.read_stream("book/late") == []


async def test_what_a_body_writes_after_it_asked_is_written_once(kernel: Kernel, url: str) -> None:
    async with Client(f"{url}/mcp", elicitation_callback=Person(accept(title="D"))) as client:
        await client.call_tool("order_book", {"shop": "once"})
    events = [e.type for e in await kernel.bus.reader.read_stream("book/once")]
    outcomes = [
        (e.data["outcome"], (e.data.get("error") or {}).get("code"))
        for e in await kernel.bus.reader.read(0)
        if e.type == "call.finished"
    ]
    assert events == ["book.renamed"]
    assert outcomes == [("error", "input_required"), ("ok", None)]


_CALL_OF_ANOTHER = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "rename_book", "arguments": {"title": "dune"}},
}


# What a dishonest client may send.


async def _post(
    http: httpx.AsyncClient, arguments: dict[str, Any], **params: Any
) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    }
    tool = params.pop("tool", "order_book")
    headers = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": tool}
    token = params.pop("token", None)
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": meta, **params},
    }
    answer = await http.post("/mcp", json=body, headers=JSON | headers)
    text = answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        text = next(l for l in text.splitlines() if l.startswith("data: "))[6:]
    document: dict[str, Any] = orjson.loads(text)
    return document


FILLED = {"order": {"action": "accept", "content": {"title": "Dune"}}}


async def test_answers_to_questions_nobody_asked_are_ignored(http: httpx.AsyncClient) -> None:
    answer = await _post(http, {"shop": "x"}, inputResponses=FILLED)
    assert answer["result"]["resultType"] == "input_required"


async def test_an_answer_belongs_to_the_question_as_it_was_put(http: httpx.AsyncClient) -> None:
    asked = await _post(http, {"shop": "honest"})
    state = asked["result"]["requestState"]
    moved = await _post(http, {"shop": "other"}, inputResponses=FILLED, requestState=state)
    assert moved["error"]["code"] == -32602
    honest = await _post(http, {"shop": "honest"}, inputResponses=FILLED, requestState=state)
    assert honest["result"]["structuredContent"] == {"text": "1 x Dune"}


async def test_state_that_was_changed_or_made_up_is_refused(http: httpx.AsyncClient) -> None:
    state = (await _post(http, {"shop": "x"}))["result"]["requestState"]
    for forged in (state + "x", state[:-4] + "AAAA", "v1.", "", '{"answered": {}}', "x" * 9_000):
        answer = await _post(http, {"shop": "x"}, inputResponses=FILLED, requestState=forged)
        assert answer["error"]["code"] == -32602, forged


async def test_state_of_another_caller_is_refused(kernel: Kernel, http: httpx.AsyncClient) -> None:
    state = (await _post(http, {"shop": "x"}))["result"]["requestState"]
    token = (await kernel.tokens.create("mallory", Role.WORKER, now=kernel.clock.now())).secret
    answer = await _post(
        http, {"shop": "x"}, inputResponses=FILLED, requestState=state, token=token
    )
    assert answer["error"]["code"] == -32602


async def test_state_is_opened_by_any_process_of_the_installation(
    settings: Settings, http: httpx.AsyncClient
) -> None:
    state = (await _post(http, {"shop": "x"}))["result"]["requestState"]
    async with (
        open_kernel(settings, extra_plugins={"published": published_plugin}) as other,
        serve_http(other) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as elsewhere,
    ):
        answer = await _post(elsewhere, {"shop": "x"}, inputResponses=FILLED, requestState=state)
    assert answer["result"]["structuredContent"] == {"text": "1 x Dune"}


class LegacyCall:
    """A call of an older revision whose client answers by hand."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.headers = JSON | {"mcp-protocol-version": "2025-11-25"}
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def initialize(self) -> None:
        params = {
            "protocolVersion": "2025-11-25",
            "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "by hand", "version": "1"},
        }
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        answer = await self.http.post("/mcp", json=body, headers=self.headers)
        self.headers["mcp-session-id"] = answer.headers["mcp-session-id"]

    async def call(self, tool: str, arguments: dict[str, Any]) -> None:
        params = {"name": tool, "arguments": arguments}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        async with self.http.stream("POST", "/mcp", json=body, headers=self.headers) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    await self.messages.put(orjson.loads(line[6:]))

    def reply(self, id: str, title: str) -> dict[str, Any]:
        result = {"action": "accept", "content": {"title": title}}
        return {"jsonrpc": "2.0", "id": id, "result": result}


async def test_a_reply_reaches_its_question_in_another_process_and_nobody_elses(
    kernel: Kernel, settings: Settings, http: httpx.AsyncClient
) -> None:
    call = LegacyCall(http)
    await call.initialize()
    token = (await kernel.tokens.create("mallory", Role.WORKER, now=kernel.clock.now())).secret
    async with (
        asyncio.timeout(60),
        open_kernel(settings, extra_plugins={"published": published_plugin}) as other,
        serve_http(other) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as elsewhere,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(call.call("order_book", {"shop": "x"}))
        question = await call.messages.get()
        assert question["method"] == "elicitation/create"
        forged = call.reply(question["id"], "forged")
        stranger = call.headers | {"authorization": f"Bearer {token}"}
        without = {k: v for k, v in call.headers.items() if k != "mcp-session-id"}
        for headers in (stranger, without, call.headers | {"mcp-session-id": "guessed"}):
            await elsewhere.post("/mcp", json=forged, headers=headers)
        await elsewhere.post("/mcp", json=call.reply("agentos-guessed", "x"), headers=call.headers)
        # Characters that are longer in UTF-8, and those that JSON escapes.
        title = 'D\u00e9\U0001f4d6"\\' * 4_000
        honest = call.reply(question["id"], title)
        answer = await elsewhere.post("/mcp", json=honest, headers=call.headers)
        assert answer.status_code == 202
        result = await call.messages.get()
    assert result["result"]["structuredContent"] == {"text": f"1 x {title}"}


async def test_an_error_as_reply_ends_the_call_with_an_error(http: httpx.AsyncClient) -> None:
    call = LegacyCall(http)
    await call.initialize()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(call.call("order_book", {"shop": "x"}))
        question = await call.messages.get()
        reply = {"jsonrpc": "2.0", "id": question["id"], "error": {"code": -1, "message": "no"}}
        await call.http.post("/mcp", json=reply, headers=call.headers)
        result = await call.messages.get()
    assert result["result"]["structuredContent"]["error"]["code"] == "invalid_state"


async def test_clients_that_never_answer_hold_up_nobody(
    kernel: Kernel, http: httpx.AsyncClient
) -> None:
    calls = [LegacyCall(http) for _ in range(2 * kernel.settings.database_pool_size)]
    for call in calls:
        await call.initialize()
    async with asyncio.timeout(60):
        waiting = [asyncio.create_task(call.call("order_book", {"shop": "x"})) for call in calls]
        for call in calls:
            assert (await call.messages.get())["method"] == "elicitation/create"
        answer = await http.post("/mcp", json=_CALL_OF_ANOTHER, headers=JSON)
        assert answer.json()["result"]["structuredContent"] == {"text": "dune"}
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


async def test_what_came_of_a_reply_to_a_question_that_ended_is_forgotten(kernel: Kernel) -> None:
    replies = Replies(kernel.database)
    question = replies.expect("key")
    replies._take(None, 0, "", '["key", 0, 2, "e30="]')
    assert replies._parts
    question.cancel()
    await asyncio.sleep(0)
    assert not replies._parts and not replies._waiting


async def test_a_reply_too_deep_to_be_passed_on_is_dropped(http: httpx.AsyncClient) -> None:
    call = LegacyCall(http)
    await call.initialize()
    deep = b'{"jsonrpc": "2.0", "id": "agentos-x", "result": ' + b'{"a":' * 500 + b"1" + b"}" * 501
    answer = await http.post("/mcp", content=deep, headers=call.headers)
    assert answer.status_code in (202, 400)


async def test_an_answer_of_any_size_keeps_no_record_out(
    kernel: Kernel, http: httpx.AsyncClient
) -> None:
    state = (await _post(http, {"shop": "x"}))["result"]["requestState"]
    huge = {"order": {"action": "accept", "content": {"title": "Dune", "copies": 10**30}}}
    body = await _post(http, {"shop": "x"}, inputResponses=huge, requestState=state)
    assert "result" in body or "error" in body
    calls = [e for e in await kernel.bus.reader.read(0) if e.type.startswith("call.")]
    allowed, finished = (
        {e.data["call"] for e in calls if e.type == kind}
        for kind in ("call.allowed", "call.finished")
    )
    assert allowed == finished
