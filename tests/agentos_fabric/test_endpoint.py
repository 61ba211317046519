"""One endpoint over real HTTP: what it is asked, and what becomes of its answers and failures."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agentos import AgentOSError, PluginError, UnavailableError
from agentos.testing import HttpDouble
from agentos_fabric.endpoint import Answer, Endpoint, UnusableAnswerError
from agentos_fabric.settings import CompleterSettings
from tests.agentos_fabric.chat import CHAT, KEY, completer_settings, completion, failure

pytestmark = pytest.mark.anyio

AT_ONCE = {"retry-after-ms": "1"}


@asynccontextmanager
async def scene(
    *, key: str | None = KEY, **changes: Any
) -> AsyncIterator[tuple[HttpDouble, Endpoint]]:
    async with HttpDouble() as double:
        settings = CompleterSettings(**completer_settings(double, **changes)["completer"])
        endpoint = Endpoint(settings, key)
        try:
            yield double, endpoint
        finally:
            await endpoint.close()


async def ask(endpoint: Endpoint) -> Answer:
    return await endpoint.ask("Is it right?", system="You judge.", max_tokens=50)


async def failing(endpoint: Endpoint) -> AgentOSError:
    with pytest.raises(AgentOSError) as raised:
        await ask(endpoint)
    return raised.value


async def test_an_answer_has_the_text_and_what_the_endpoint_counted() -> None:
    async with scene(temperature=0.0) as (double, endpoint):
        said = completion("Yes.", prompt_tokens_details={"cached_tokens": 8})
        double.answer("POST", CHAT, json=said)
        answer = await ask(endpoint)
    assert (answer.text, answer.usage is not None) == ("Yes.", True)
    assert answer.usage is not None
    counts = (answer.usage.input_tokens, answer.usage.output_tokens)
    assert (*counts, answer.usage.cached_input_tokens) == (20, 5, 8)
    (request,) = double.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json() == {
        "model": "tiny-1",
        "messages": [
            {"role": "system", "content": "You judge."},
            {"role": "user", "content": "Is it right?"},
        ],
        "max_tokens": 50,
        "stream": False,
        "temperature": 0.0,
    }


async def test_without_a_key_no_credential_of_the_environment_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "somebody-elses")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with scene(key=None) as (double, endpoint):
        double.answer("POST", CHAT, json=completion("Yes."))
        await ask(endpoint)
    assert "authorization" not in double.requests[0].headers
    assert "somebody-elses" not in str(double.requests[0].headers)


async def test_a_busy_endpoint_is_asked_again_when_it_says_so() -> None:
    async with scene(max_retries=2) as (double, endpoint):
        double.answer(
            "POST", CHAT, status=429, json=failure("slow down"), headers={"retry-after": "0.05"}
        )
        double.answer("POST", CHAT, status=503, json=failure("loading"), headers=AT_ONCE)
        double.answer("POST", CHAT, json=completion("Yes."))
        assert (await ask(endpoint)).text == "Yes."
        assert len(double.requests) == 3


async def test_an_endpoint_that_stays_busy_may_work_later_and_says_when() -> None:
    async with scene() as (double, endpoint):
        double.answer(
            "POST", CHAT, status=429, json=failure("slow down"), headers={"retry-after": "7"}
        )
        error = await failing(endpoint)
    assert isinstance(error, UnavailableError)
    assert "answered 429" in error.message and "slow down" in error.message
    assert error.remedy is not None and "7 s" in error.remedy


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_broken_endpoint_may_work_later(status: int) -> None:
    async with scene(max_retries=1) as (double, endpoint):
        body = b"<html>Bad gateway</html>"
        double.answer("POST", CHAT, status=status, body=body, headers=AT_ONCE)
        error = await failing(endpoint)
        assert len(double.requests) == 2
    assert isinstance(error, UnavailableError) and f"answered {status}" in error.message


async def test_no_money_left_is_not_told_as_busy() -> None:
    async with scene() as (double, endpoint):
        said = failure("You exceeded your current quota", "insufficient_quota")
        double.answer("POST", CHAT, status=429, json=said)
        error = await failing(endpoint)
    assert isinstance(error, PluginError) and "no money left" in error.message


async def test_a_silent_endpoint_is_given_up_after_the_timeout() -> None:
    async with scene(timeout_s=0.2) as (double, endpoint):
        double.answer("POST", CHAT, json=completion("Yes."), delay_s=30)
        error = await failing(endpoint)
    assert isinstance(error, UnavailableError) and "within 0.2 s" in error.message


async def test_an_endpoint_that_hangs_up_or_is_not_there_may_work_later() -> None:
    async with scene() as (double, endpoint):
        double.answer("POST", CHAT, drops=True)
        assert isinstance(await failing(endpoint), UnavailableError)
        url = double.url
    settings = CompleterSettings(url=f"{url}/v1", model="tiny-1", max_retries=0, timeout_s=2)
    gone = Endpoint(settings, None)
    error = await failing(gone)
    await gone.close()
    assert isinstance(error, UnavailableError) and "cannot be reached" in error.message


@pytest.mark.parametrize(
    "body",
    [
        b"{not json",
        b'"text"',
        b"[1, 2]",
        b'{"choices": "x"}',
        b'{"choices": []}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b"\xff\xfe",
        b"",
    ],
)
async def test_what_is_no_chat_completion_is_refused_by_naming_the_setting(body: bytes) -> None:
    async with scene() as (double, endpoint):
        double.answer("POST", CHAT, body=body, headers={"content-type": "application/json"})
        error = await failing(endpoint)
    assert isinstance(error, PluginError)
    assert "fabric.completer.url" in error.message or "without text" in error.message


async def test_a_stream_that_nobody_asked_for_is_refused() -> None:
    async with scene() as (double, endpoint):
        body = b'data: {"choices":[{"delta":{"content":"Yes."}}]}\n\ndata: [DONE]\n\n'
        double.answer("POST", CHAT, body=body, headers={"content-type": "text/event-stream"})
        assert isinstance(await failing(endpoint), PluginError)


async def test_an_unknown_model_is_told_with_what_to_correct() -> None:
    async with scene() as (double, endpoint):
        said = failure("The model `tiny-1` does not exist", "model_not_found")
        double.answer("POST", CHAT, status=404, json=said)
        error = await failing(endpoint)
    assert isinstance(error, PluginError)
    assert "does not exist" in error.message and "fabric.completer.model" in error.message


async def test_a_huge_answer_is_not_read_to_its_end_nor_asked_for_again() -> None:
    async with scene(max_retries=3, max_answer_bytes=100_000) as (double, endpoint):
        double.answer("POST", CHAT, json=completion("x" * 5_000_000))
        error = await failing(endpoint)
        assert len(double.requests) == 1
    assert isinstance(error, PluginError) and "100000 bytes" in error.message


async def test_a_compressed_answer_is_refused_since_nobody_asked_for_one() -> None:
    async with scene() as (double, endpoint):
        double.answer("POST", CHAT, body=b"\x1f\x8b", headers={"content-encoding": "gzip"})
        error = await failing(endpoint)
        assert double.requests[0].headers["accept-encoding"] == "identity"
    assert isinstance(error, PluginError) and "compressed" in error.message


async def test_a_redirect_is_not_followed() -> None:
    async with scene() as (double, endpoint), HttpDouble() as elsewhere:
        double.answer("POST", CHAT, status=307, headers={"location": elsewhere.url + CHAT})
        elsewhere.answer("POST", CHAT, json=completion("Yes."))
        assert isinstance(await failing(endpoint), PluginError)
        assert elsewhere.requests == []


@pytest.mark.parametrize("said", ["invalid", f"Incorrect API key provided: {KEY}"])
async def test_no_message_holds_the_key_whatever_the_endpoint_says(
    said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with scene() as (double, endpoint):
        double.answer("POST", CHAT, status=401, json=failure(said, "invalid_api_key"))
        error = await failing(endpoint)
    assert isinstance(error, PluginError) and "AGENTOS_COMPLETER_API_KEY" in error.message
    assert KEY not in error.message and KEY not in caplog.text


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (completion(None, reason="length"), "limit of tokens"),
        (completion("", reason="stop"), "without text"),
        (completion("Half", reason="content_filter"), "content filter"),
    ],
)
async def test_an_answer_without_text_costs_its_tokens_all_the_same(
    message: dict[str, Any], why: str
) -> None:
    async with scene() as (double, endpoint):
        double.answer("POST", CHAT, json=message)
        error = await failing(endpoint)
    assert isinstance(error, UnusableAnswerError) and why in error.message
    assert error.usage is not None and error.usage.output_tokens == 5


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -1, "completion_tokens": True}])
async def test_counts_that_cannot_be_are_no_counts(usage: dict[str, Any] | None) -> None:
    async with scene() as (double, endpoint):
        double.answer("POST", CHAT, json={**completion("Yes."), "usage": usage})
        assert (await ask(endpoint)).usage is None


async def test_a_model_that_names_its_limit_otherwise_is_asked_in_its_own_words() -> None:
    async with scene() as (double, endpoint):
        said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        double.answer("POST", CHAT, status=400, json=failure(said, "unsupported_parameter"))
        double.answer("POST", CHAT, json=completion("Yes."))
        await ask(endpoint)
        await ask(endpoint)
        names = [sorted(set(request.json()) - {"messages", "model"}) for request in double.requests]
    assert names == [
        ["max_tokens", "stream"],
        ["max_completion_tokens", "stream"],
        ["max_completion_tokens", "stream"],
    ]


async def test_a_cancelled_request_closes_its_connection() -> None:
    closed = asyncio.Event()
    arrived = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await reader.read()
        closed.set()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = CompleterSettings(url=f"http://127.0.0.1:{port}/v1", model="tiny-1")
    endpoint = Endpoint(settings, None)
    async with asyncio.timeout(60):
        task = asyncio.create_task(ask(endpoint))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await closed.wait()
    await endpoint.close()
    server.close()


async def test_what_is_sent_is_the_prompt_and_nothing_of_this_machine() -> None:
    async with scene() as (double, endpoint):
        double.answer("POST", CHAT, json=completion("Yes."))
        await ask(endpoint)
        body = json.dumps(double.requests[0].json())
    assert "/" not in body.replace("Is it right?", "")
