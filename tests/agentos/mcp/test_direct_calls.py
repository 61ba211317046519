"""Plain tool calls that go around the SDK: nobody can tell by the answers, nor by the records.

Required by the traps of fast paths: one choke point below both ways, and whatever is not exactly of
the plain form is left to the SDK (ContextForge issue 4103 had its checks on one way only).
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from mcp.server import Server

from agentos import Event, Kernel
from agentos.mcp.direct_call import MAX_BODY_BYTES, MAX_BRACKETS, DirectCalls
from agentos.mcp.envelope import read_envelope
from agentos.mcp.running import RunningCalls
from agentos.testing import serve_http
from tests.agentos.mcp.edge import legacy_call, modern_call

pytestmark = pytest.mark.anyio

Request = tuple[dict[str, Any], dict[str, str]]
Change = Callable[[dict[str, Any], dict[str, str]], None]

CLIENT = "io.modelcontextprotocol/clientInfo"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"

TEXTS = ["x", "", "héllo \u2028 \U0001f600", 'a "quoted" \\ text', "\x00", "\x7f\x1b", "y" * 5_000]
VALUES: list[Any] = [
    None, True, 0, -0.0, 1.5, 1e300, 5e-324, 2**53, 2**53 + 1, 2**63, 10**30, -(10**30), 1e16,
    {}, [], {"a": [None, {"b": ""}]}, {"": 1, "é": 2}, [[[[]]]],
]  # fmt: skip
METAS: list[dict[str, Any]] = [
    {},
    {"agentos/work_order": "WO-7"},
    {"agentos/work_order": 7},
    {"agentos/work_order": "x" * 300},
    {"agentos/idempotency_key": "k1"},
    {"agentos/idempotency_key": ["k"]},
    {"claudecode/toolUseId": "toolu_1", "agentos/model": "m\n", "agentos/epoch": 2**60},
    {"x-codex-turn-metadata": {"model": "gpt-6", "turn_id": "t" * 500, "role": 7}},
    {"progressToken": "p"},
    {CLIENT: {"name": "claude", "version": "2.1"}},
    {CLIENT: {"name": "claude"}},
    {CLIENT: None},
    {CAPABILITIES: {"elicitation": {}, "roots": {"listChanged": True}}},
    {CAPABILITIES: {"elicitation": 7}},
    {CAPABILITIES: {"extensions": {"io.modelcontextprotocol/tasks": {}}}},
    {CAPABILITIES: []},
    {LOG_LEVEL: "debug"},
    {LOG_LEVEL: "loud"},
    {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
]
IDS: list[Any] = [1, 0, -7, 2**62, "a", "", "é", "i" * 256]


@pytest.fixture
async def both(kernel: Kernel) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Clients of two servers over one kernel: plain calls go around the SDK in the first."""
    assert kernel.settings.direct_calls
    async with serve_http(kernel) as first:
        kernel.settings = kernel.settings.model_copy(update={"direct_calls": False})
        async with (
            serve_http(kernel) as second,
            httpx.AsyncClient(base_url=first, timeout=60) as direct,
            httpx.AsyncClient(base_url=second, timeout=60) as sdk,
        ):
            yield direct, sdk


def random_request(chance: random.Random) -> Request:
    """A call that may be plain, refused, wrong or odd in any of its parts."""
    arguments: dict[str, Any]
    tool, arguments = chance.choice(
        [
            ("echo", {"text": chance.choice(TEXTS)}),
            ("echo", {"text": chance.choice(VALUES), "extra": chance.choice(VALUES)}),
            ("echo", {"txt": "x", **{f"field_{n}": n for n in range(chance.randrange(9))}}),
            ("describe", {"value": chance.choice(VALUES)}),
            ("describe", {"value": chance.choice(TEXTS)}),
            ("whoami", {}),
            ("number_note", {}),
            ("erase_note", {}),
            ("crash", {}),
            ("count_steps", {"steps": 1}),
            ("nope", {}),
            ("", {}),
        ]
    )
    make = chance.choice([modern_call, legacy_call])
    meta = chance.choice(METAS) if chance.random() < 0.7 else {}
    body, headers = make(tool, arguments, meta, chance.choice(IDS))
    if chance.random() < 0.3:
        chance.choice(CHANGES)(body, headers)
    return body, headers


def _drop_arguments(body: dict[str, Any], headers: dict[str, str]) -> None:
    del body["params"]["arguments"]


def _null_arguments(body: dict[str, Any], headers: dict[str, str]) -> None:
    body["params"]["arguments"] = None


def _list_arguments(body: dict[str, Any], headers: dict[str, str]) -> None:
    body["params"]["arguments"] = ["x"]


def _drop_meta(body: dict[str, Any], headers: dict[str, str]) -> None:
    del body["params"]["_meta"]


def _null_meta(body: dict[str, Any], headers: dict[str, str]) -> None:
    body["params"]["_meta"] = None


def _drop_name(body: dict[str, Any], headers: dict[str, str]) -> None:
    del body["params"]["name"]


def _ask_for_a_task(body: dict[str, Any], headers: dict[str, str]) -> None:
    body["params"]["task"] = {"ttl": 1000}


def _answer_a_question(body: dict[str, Any], headers: dict[str, str]) -> None:
    body["params"] |= {"inputResponses": {}, "requestState": "forged"}


def _add_a_member(body: dict[str, Any], headers: dict[str, str]) -> None:
    body["extra"] = 1


def _drop_the_id(body: dict[str, Any], headers: dict[str, str]) -> None:
    del body["id"]


def _name_another_tool(body: dict[str, Any], headers: dict[str, str]) -> None:
    headers["mcp-name"] = "whoami2"


def _name_another_method(body: dict[str, Any], headers: dict[str, str]) -> None:
    headers["mcp-method"] = "tools/list"


def _name_an_unknown_version(body: dict[str, Any], headers: dict[str, str]) -> None:
    headers["mcp-protocol-version"] = "2027-01-01"


def _name_no_version(body: dict[str, Any], headers: dict[str, str]) -> None:
    headers.pop("mcp-protocol-version")


def _say_another_version_inside(body: dict[str, Any], headers: dict[str, str]) -> None:
    body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2025-06-18"


def _accept_anything(body: dict[str, Any], headers: dict[str, str]) -> None:
    headers["accept"] = "*/*"


def _accept_nothing_of_ours(body: dict[str, Any], headers: dict[str, str]) -> None:
    headers["accept"] = "text/html, application/jsonl"


def _accept_events_only(body: dict[str, Any], headers: dict[str, str]) -> None:
    headers["accept"] = "text/event-stream"


def _bring_a_session(body: dict[str, Any], headers: dict[str, str]) -> None:
    headers["mcp-session-id"] = "0123.W10"


def _mirror_a_parameter(body: dict[str, Any], headers: dict[str, str]) -> None:
    headers["mcp-param-text"] = "x"


def _name_a_character_set(body: dict[str, Any], headers: dict[str, str]) -> None:
    headers["content-type"] = "application/json; charset=utf-8"


CHANGES: list[Change] = [
    _drop_arguments,
    _null_arguments,
    _list_arguments,
    _drop_meta,
    _null_meta,
    _drop_name,
    _ask_for_a_task,
    _answer_a_question,
    _add_a_member,
    _drop_the_id,
    _name_another_tool,
    _name_another_method,
    _name_an_unknown_version,
    _name_no_version,
    _say_another_version_inside,
    _accept_anything,
    _accept_nothing_of_ours,
    _accept_events_only,
    _bring_a_session,
    _mirror_a_parameter,
    _name_a_character_set,
]
PLAIN_CHANGES: list[Change] = [_drop_arguments, _accept_anything]


async def _answer(client: httpx.AsyncClient, request: Request) -> tuple[int, str, Any]:
    """Status, media type and content of an answer, without what differs from call to call."""
    body, headers = request
    answer = await client.post("/mcp", content=json.dumps(body), headers=headers)
    kind = answer.headers.get("content-type", "").partition(";")[0]
    text = re.sub(r"CA-\w+", "CA", answer.text)
    return answer.status_code, kind, json.loads(text) if text.startswith("{") else text


async def _events(kernel: Kernel) -> list[tuple[str, str, dict[str, Any]]]:
    found: list[Event] = []
    while page := await kernel.bus.reader.read(found[-1].position if found else 0):
        found += page
    return [(each.stream, each.type, _lasting(dict(each.data))) for each in found]


def _lasting(data: dict[str, Any]) -> dict[str, Any]:
    text = re.sub(r"CA-\w+", "CA", json.dumps(data))
    lasting: dict[str, Any] = json.loads(text)
    return {name: value for name, value in lasting.items() if name != "duration_ms"}


async def test_both_ways_answer_and_record_any_request_alike(
    kernel: Kernel, both: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> None:
    direct, sdk = both
    chance = random.Random(20260728)
    for _ in range(160):
        request = random_request(chance)
        # A key is used once by each way, so that neither answers with what the other did.
        key = request[0]["params"].get("_meta") or {}
        fresh = [json.loads(json.dumps(request[0])) for _ in range(2)]
        if key.get("agentos/idempotency_key") == "k1":
            for number, body in enumerate(fresh):
                body["params"]["_meta"]["agentos/idempotency_key"] = f"{chance.random()}{number}"
        answers = [
            await _answer(client, (body, request[1]))
            for client, body in zip((direct, sdk), fresh, strict=True)
        ]
        if request[0]["params"].get("name") == "number_note":
            answers = [_without_number(answer) for answer in answers]
        assert answers[0] == answers[1], request
    recorded = await _events(kernel)
    assert len(recorded) > 160
    direct_records, sdk_records = _by_way(recorded)
    assert direct_records == sdk_records


def _without_number(answer: tuple[int, str, Any]) -> tuple[int, str, Any]:
    status, kind, content = answer
    return status, kind, json.loads(re.sub(r"note-[0-9a-f]+", "note", json.dumps(content)))


def _by_way(events: list[tuple[str, str, dict[str, Any]]]) -> list[list[Any]]:
    """What each way recorded: their calls alternate, and a call leaves one or two events."""
    ways: list[list[Any]] = [[], []]
    turn = 0
    for stream, type, data in events:
        data.pop("result_sha256", None)
        ways[turn].append((stream, type, data))
        if type != "call.allowed":
            turn = 1 - turn
    return ways


async def test_a_repeated_write_is_answered_with_its_first_result_by_either_way(
    both: tuple[httpx.AsyncClient, httpx.AsyncClient],
) -> None:
    for make in (modern_call, legacy_call):
        for first, second in (both, both[::-1]):
            meta = {"agentos/idempotency_key": f"{make.__name__} {id(first)}"}
            request = make("number_note", {}, meta)
            assert await _answer(first, request) == await _answer(second, request)


async def test_a_call_of_the_plain_form_goes_around_the_sdk(kernel: Kernel) -> None:
    for make in (modern_call, legacy_call):
        assert _goes_around(kernel, make("echo", {"text": "x"}))
        assert _goes_around(kernel, make("echo", {"txt": 1}, {"claudecode/toolUseId": "t"}, "id"))
        for change in PLAIN_CHANGES:
            request = make("echo", {})
            change(*request)
            assert _goes_around(kernel, request), change.__name__


async def test_whatever_differs_from_the_plain_form_is_left_to_the_sdk(kernel: Kernel) -> None:
    for change in CHANGES:
        request = modern_call("echo", {"text": "x"})
        change(*request)
        assert _goes_around(kernel, request) == (change in PLAIN_CHANGES), change.__name__
    # What parsers may read differently.
    odd: list[Any] = [10**19, [[]] * MAX_BRACKETS, "x" * MAX_BODY_BYTES]
    for value in odd:
        assert not _goes_around(kernel, modern_call("describe", {"value": value}))


async def test_a_header_that_is_there_twice_is_left_to_the_sdk(kernel: Kernel) -> None:
    body, headers = modern_call("echo", {"text": "x"})
    for name in headers:
        assert not _finds(kernel, body, [*headers.items(), (name, headers[name])]), name


async def test_what_a_client_says_of_itself_is_judged_by_the_sdk_unless_it_is_plain(
    kernel: Kernel,
) -> None:
    doubtful: list[dict[str, Any]] = [
        {"progressToken": 1},
        {CAPABILITIES: {"extensions": {"io.modelcontextprotocol/tasks": {}}}},
        {CAPABILITIES: {"elicitation": 7}},
        {CAPABILITIES: None},
        {CLIENT: {"name": 7}},
        {CLIENT: {"name": "x" * 3_000, "version": "1"}},
        {LOG_LEVEL: "loud"},
    ]
    for meta in doubtful:
        assert not _goes_around(kernel, modern_call("echo", {"text": "x"}, meta)), meta
    known = {CLIENT: {"name": "claude", "version": "2"}, CAPABILITIES: {"roots": {}}}
    assert _goes_around(kernel, modern_call("echo", {"text": "x"}, known))


async def test_every_call_of_the_plain_form_passes_the_kernel(
    both: tuple[httpx.AsyncClient, httpx.AsyncClient], kernel: Kernel
) -> None:
    for make in (modern_call, legacy_call):
        status, _, _ = await _answer(both[0], make("echo", {"text": "x"}))
        assert status == 200
    recorded = await _events(kernel)
    assert [type for _, type, _ in recorded] == ["call.allowed", "call.finished"] * 2
    assert {data["edge"] for _, type, data in recorded if type == "call.allowed"} == {"mcp"}


def _goes_around(kernel: Kernel, request: Request) -> bool:
    return _finds(kernel, request[0], list(request[1].items()))


def _finds(kernel: Kernel, body: dict[str, Any], headers: list[tuple[str, str]]) -> bool:
    calls = DirectCalls(kernel, Server("test"), RunningCalls())
    text = json.dumps(body).encode()
    raw = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": raw}
    return calls.find(scope, read_envelope(text), text) is not None
