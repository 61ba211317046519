"""SEP-2663: the extension for tasks over HTTP, as a client of 2026-07-28 sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from agentos import Kernel, Role, Settings, open_kernel
from tests.agentos.mcp.edge import JSON, MODERN, legacy_call, modern_call
from tests.agentos.tasks.fixtures import late, meeting
from tests.agentos.tasks.meeting import Meeting
from tests.agentos.tasks.plugin import tasks_plugin

pytestmark = pytest.mark.anyio
__all__ = ["late", "meeting"]

EXTENSION = "io.modelcontextprotocol/tasks"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
TAKES_TASKS: dict[str, Any] = {CAPABILITIES: {"elicitation": {}, "extensions": {EXTENSION: {}}}}


@pytest.fixture
async def kernel(settings: Settings) -> AsyncIterator[Kernel]:
    settings = settings.model_copy(update={"task_after_s": 0.2})
    async with open_kernel(settings, extra_plugins={"tasks": tasks_plugin()}) as kernel:
        yield kernel


async def _call(
    http: httpx.AsyncClient,
    tool: str,
    arguments: Mapping[str, Any],
    meta: Mapping[str, Any] = TAKES_TASKS,
    **headers: str,
) -> dict[str, Any]:
    body, sent = modern_call(tool, arguments, meta)
    answer = await http.post("/mcp", json=body, headers=sent | headers)
    found: dict[str, Any] = answer.json()
    return found


async def _ask(
    http: httpx.AsyncClient,
    method: str,
    id: str,
    meta: Mapping[str, Any] = TAKES_TASKS,
    named: str | None = "",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """What a method of the extension answers about a task; `named` None leaves the header out."""
    envelope = {"io.modelcontextprotocol/protocolVersion": MODERN, **meta}
    params = {"taskId": id, "_meta": envelope, **more}
    sent = {**JSON, "mcp-protocol-version": MODERN, "mcp-method": method, **(headers or {})}
    if named is not None:
        sent["mcp-name"] = named or id
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = await http.post("/mcp", json=body, headers=sent)
    found: dict[str, Any] = answer.json()
    return found


async def _get(http: httpx.AsyncClient, id: str, *statuses: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            found: dict[str, Any] = (await _ask(http, "tasks/get", id))["result"]
            if found["status"] in statuses:
                return found


async def test_a_task_ends_with_what_the_call_itself_would_have_answered(
    http: httpx.AsyncClient,
) -> None:
    created = (await _call(http, "only_as_task", {}))["result"]
    assert created["resultType"] == "task"
    assert not created.keys() & {"result", "error", "inputRequests", "requestState"}
    ended = await _get(http, created["taskId"], "completed")
    assert [each["text"] for each in ended["result"]["content"]] == ["one", "two"]
    failing = (await _call(http, "fail", {"name": "it"}))["result"]
    failed = await _get(http, failing["taskId"], "completed")
    directly = (await _call(http, "fail", {"name": "it"}, {CAPABILITIES: {}}))["result"]
    for field in ("content", "structuredContent", "isError"):
        assert failed["result"][field] == directly[field]


async def test_a_client_that_takes_no_tasks_never_gets_one(
    http: httpx.AsyncClient, meeting: Meeting
) -> None:
    await meeting.release("x")
    arguments = {"port": meeting.port, "name": "x"}
    answer = await _call(http, "do_work", arguments, {CAPABILITIES: {}})
    assert answer["result"]["structuredContent"]["name"] == "x"
    needed = (await _call(http, "only_as_task", {}, {CAPABILITIES: {}}))["error"]
    assert needed["code"] == -32021
    assert needed["data"] == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
    body, headers = legacy_call("do_work", arguments)
    answer = (await http.post("/mcp", json=body, headers=headers)).json()
    assert answer["result"]["structuredContent"]["name"] == "x"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_the_methods_tell_nothing_to_whoever_may_not_know(
    http: httpx.AsyncClient, kernel: Kernel, method: str
) -> None:
    id = (await _call(http, "ask_twice", {"name": "x"}))["result"]["taskId"]
    more: dict[str, Any] = {"inputResponses": {}} if method == "tasks/update" else {}
    undeclared = await _ask(http, method, id, {CAPABILITIES: {}}, **more)
    assert undeclared["error"]["code"] == -32021
    assert (await _ask(http, method, "unknown", **more))["error"]["code"] == -32602
    token = await kernel.tokens.create("other", Role.ADMIN, now=kernel.clock.now())
    other = {"authorization": f"Bearer {token.secret}"}
    foreign = (await _ask(http, method, id, headers=other, **more))["error"]
    assert (foreign["code"], id in foreign["message"]) == (-32602, True)
    assert (
        foreign["message"].replace(id, "unknown").replace("other", "local")
        == ((await _ask(http, method, "unknown", **more))["error"]["message"])
    )
    for named in ("another", None):
        assert (await _ask(http, method, id, named=named, **more))["error"]["code"] == -32020
    assert (await _get(http, id, "input_required"))["inputRequests"].keys() == {"who"}


async def test_tasks_mean_nothing_before_2026(http: httpx.AsyncClient) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"taskId": "x"}}
    headers = JSON | {"mcp-protocol-version": "2025-06-18"}
    answer = (await http.post("/mcp", json=body, headers=headers)).json()
    assert answer["error"]["code"] == -32601


async def test_an_answer_of_the_wrong_form_is_refused_and_the_question_stays(
    http: httpx.AsyncClient,
) -> None:
    id = (await _call(http, "ask_twice", {"name": "x"}))["result"]["taskId"]
    await _get(http, id, "input_required")
    bad: list[dict[str, Any]] = [
        {"who": 1},
        {"who": {"action": "approve"}},
        {"who": {"action": "accept", "content": []}},
    ]
    for responses in bad:
        error = (await _ask(http, "tasks/update", id, inputResponses=responses))["error"]
        assert error["code"] == -32602
        assert "inputResponses['who']" in error["message"]
    many: dict[str, Any] = {f"k{n}": {} for n in range(200)}
    assert (await _ask(http, "tasks/update", id, inputResponses=many))["error"]["code"] == -32602
    huge = {"who": {"action": "accept", "content": {"name": 10**30}}}
    assert (await _ask(http, "tasks/update", id, inputResponses=huge))["error"]["code"] == -32602
    asked = (await _get(http, id, "input_required"))["inputRequests"]["who"]
    assert asked["method"] == "elicitation/create"
    accepted = {"who": {"action": "accept", "content": {"name": "Ann"}}, "other": {"ignored": 1}}
    acknowledged = (await _ask(http, "tasks/update", id, inputResponses=accepted))["result"]
    assert acknowledged["resultType"] == "complete"
    assert not acknowledged.keys() & {"taskId", "status", "result"}
    async with asyncio.timeout(60):
        while "who-2" not in (await _get(http, id, "input_required", "working")).get(
            "inputRequests", {}
        ):
            pass
    declined = {"who-2": {"action": "decline"}}
    await _ask(http, "tasks/update", id, inputResponses=declined)
    ended = await _get(http, id, "completed")
    assert ended["result"]["structuredContent"]["name"] == "x Ann nobody"


@pytest.mark.usefixtures("late")
async def test_a_call_that_asks_before_it_detaches_takes_its_answers_along(
    http: httpx.AsyncClient, kernel: Kernel, meeting: Meeting
) -> None:
    arguments = {"port": meeting.port, "name": "x"}
    asked = (await _call(http, "ask_and_detach", arguments))["result"]
    assert asked["resultType"] == "input_required"
    body, headers = modern_call("ask_and_detach", arguments, TAKES_TASKS)
    answer = {"who": {"action": "accept", "content": {"name": "Ann"}}}
    body["params"] |= {"inputResponses": answer, "requestState": asked["requestState"]}
    created = (await http.post("/mcp", json=body, headers=headers)).json()["result"]
    assert created["resultType"] == "task"
    kept = await kernel.database.fetch_row("select name, answer from kernel.task_question")
    assert kept is not None
    assert "Ann" in kept["answer"]
    await meeting.release("x")
    ended = await _get(http, created["taskId"], "completed")
    assert ended["result"]["structuredContent"]["name"] == "x Ann"


@pytest.mark.usefixtures("late")
async def test_closing_the_response_cancels_a_call_that_is_no_task_yet(
    http: httpx.AsyncClient, kernel: Kernel, meeting: Meeting
) -> None:
    body, headers = modern_call("look", {"port": meeting.port, "name": "x"}, TAKES_TASKS)
    async with httpx.AsyncClient(base_url=http.base_url, timeout=60) as leaving:
        calling = asyncio.ensure_future(leaving.post("/mcp", json=body, headers=headers))
        await meeting.arrived("x")
        calling.cancel()
    await meeting.left("x")
    assert await kernel.database.fetch_value("select count(*) from kernel.task") == 0


async def test_a_task_outlives_the_connection_it_came_by(
    http: httpx.AsyncClient, meeting: Meeting
) -> None:
    async with httpx.AsyncClient(base_url=http.base_url, timeout=60) as leaving:
        arguments = {"port": meeting.port, "name": "x"}
        id = (await _call(leaving, "do_work", arguments))["result"]["taskId"]
    await meeting.arrived("x")
    await meeting.release("x")
    assert (await _get(http, id, "completed"))["result"]["structuredContent"]["name"] == "x"
