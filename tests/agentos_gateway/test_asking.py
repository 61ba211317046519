"""Questions of other servers to the person behind a call, of both eras on both sides.

Required by the issue "Edge": elicitation passes under the pipeline; what does not pass is refused.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest
from mcp import Client, MCPError
from mcp.types import ElicitResult, ErrorData

from agentos import Kernel, Settings, ToolCall
from agentos.testing import serve_http
from agentos_gateway.protocol.conversation import Conversation, Turns
from tests.agentos_gateway.stage import Foreign, approved, call, gateway_kernel, tool_named
from tests.agentos_gateway.test_http import served
from tests.ports import held_port

pytestmark = pytest.mark.anyio

ASKING = ("ask", "ask_twice", "ask_secret", "ask_hidden", "ask_url", "sample", "echo")


class Person:
    """Answers each form by what it asks for."""

    def __init__(self, city: Any = "Oslo", **other: Any) -> None:
        self.asked: list[str] = []
        self._known = {"city": city, "nights": 2, **other}

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        self.asked.append(params.message)
        fields = params.requested_schema["properties"]
        content = {name: self._known[name] for name in fields}
        return ElicitResult(action="accept", content=content)


def both(foreign: Foreign, **more: Any) -> dict[str, Any]:
    """The same server twice: as one of today, and as one of a revision before 2026."""
    foreign.says(*(tool_named(name) for name in ASKING))
    return {
        "new": foreign.settings(**more),
        "old": foreign.settings(protocol="legacy", **more),
    }


async def offered(kernel: Kernel) -> None:
    for server in ("new", "old"):
        await approved(kernel, server)


def text(result: Any) -> str:
    assert not result.is_error, result
    said: str = result.content[0].model_dump()["text"]
    return said


async def test_questions_reach_the_person_and_answers_the_server_whatever_each_side_speaks(
    settings: Settings, foreign: Foreign
) -> None:
    async with (
        gateway_kernel(settings, both(foreign, asks=True)) as kernel,
        serve_http(kernel) as url,
    ):
        await offered(kernel)
        for mode in ("auto", "legacy"):
            person = Person()
            async with Client(
                f"{url}/mcp", mode=mode, elicitation_callback=person, cache=None
            ) as client:
                for server in ("new", "old"):
                    person.asked.clear()
                    result = await client.call_tool(f"{server}__ask_twice", {})
                    assert json.loads(text(result)) == [
                        ["accept", {"city": "Oslo"}],
                        ["accept", {"nights": 2}],
                    ]
                    asked = f"The server {server} asks: "
                    assert person.asked == [f"{asked}Where to?", f"{asked}How long?"]
                    await client.call_tool(f"{server}__ask_url", {})
                    assert "open https://id.example.com/connect?id=7 and" in person.asked[-1]
        answers = [
            event.data.get("answers")
            for event in await kernel.bus.reader.read(0)
            if event.type == "call.finished" and event.data["outcome"] == "ok"
        ]
        assert sum(map(bool, answers)) == 8 and "Oslo" not in json.dumps(answers)


async def test_what_is_not_to_be_asked_is_refused_with_the_reason(
    settings: Settings, foreign: Foreign
) -> None:
    async with (
        gateway_kernel(settings, both(foreign, asks=True)) as kernel,
        serve_http(kernel) as url,
    ):
        await offered(kernel)
        person = Person()
        async with Client(f"{url}/mcp", elicitation_callback=person, cache=None) as client:
            for tool, why in (("ask_secret", "a secret in a form"), ("ask_hidden", "U+200B")):
                new = await client.call_tool(f"new__{tool}", {})
                assert new.structured_content["error"]["code"] == "foreign_error"
                assert why in new.structured_content["error"]["message"]
                # A server of an older revision is answered, and goes on as it sees fit.
                old = text(await client.call_tool(f"old__{tool}", {}))
                assert old.startswith("refused: ") and why in old
            assert text(await client.call_tool("old__sample", {})) == (
                "refused: Sampling not supported"
            )
            assert person.asked == []
        wrong = Person(city=7)
        async with Client(f"{url}/mcp", elicitation_callback=wrong, cache=None) as client:
            for server in ("new", "old"):
                result = await client.call_tool(f"{server}__ask", {})
                assert result.structured_content["error"]["code"] == "invalid_argument"
                assert "city" in result.structured_content["error"]["message"]
        # A client that shows no forms: said to the server, or to the client where that is due.
        async with Client(f"{url}/mcp", cache=None) as client:
            assert "does not declare" in text(await client.call_tool("old__ask", {}))
            with pytest.raises(MCPError, match="elicitation"):
                await client.call_tool("new__ask", {})


async def test_nobody_is_asked_where_the_setting_does_not_say_so(
    settings: Settings, foreign: Foreign
) -> None:
    async with gateway_kernel(settings, both(foreign)) as kernel:
        await offered(kernel)
        new = await call(kernel, "new__ask")
        assert new.error_code == "foreign_error" and "the setting `asks`" in new.text
        old = await call(kernel, "old__ask")
        assert "refused: Elicitation not supported" in old.text


async def test_nobody_is_asked_what_another_call_is_about(
    settings: Settings, foreign: Foreign
) -> None:
    """A question before 2026 does not name its call; over HTTP with event streams, too."""
    foreign.says(*(tool_named(name) for name in ASKING))
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    class Slow(Person):
        async def __call__(self, context: Any, params: Any) -> ElicitResult:
            is_asked.set()
            await may_answer.wait()
            return await super().__call__(context, params)

    async def ask(tool: str, person: Person) -> str:
        async with Client(
            f"{url}/mcp", mode="legacy", elicitation_callback=person, cache=None
        ) as client:
            return text(await client.call_tool(f"other__{tool}", {}))

    async with AsyncExitStack() as stack:
        port = stack.enter_context(held_port())
        await stack.enter_async_context(served(foreign, port, "sse"))
        at = {"url": f"http://127.0.0.1:{port}/mcp", "protocol": "legacy", "asks": True}
        kernel = await stack.enter_async_context(gateway_kernel(settings, {"other": at}))
        url = await stack.enter_async_context(serve_http(kernel))
        await approved(kernel)
        first = asyncio.create_task(ask("ask_twice", Slow("Oslo")))
        await is_asked.wait()
        second = asyncio.create_task(ask("ask", Person("Rome")))
        # The second one is on its way to the server when the first one answers.
        admitted = 0
        async with asyncio.timeout(60):
            while admitted < 3:
                events = await kernel.bus.reader.read(0)
                admitted = sum(each.type == "call.allowed" for each in events)
        may_answer.set()
        answers = json.loads(await first)
        assert answers == [["accept", {"city": "Oslo"}], ["accept", {"nights": 2}]]
        assert json.loads(await second) == [["accept", {"city": "Rome"}]]


async def test_a_call_whose_server_cannot_say_whom_it_asks_waits_for_the_one_before() -> None:
    turns = Turns()
    begun: list[str] = []
    may_end = asyncio.Event()

    def asking(name: str) -> Any:
        async def ask(more: Any) -> str:
            begun.append(name)
            await may_end.wait()
            return name

        return ask

    calls = [
        asyncio.create_task(turns.take(Conversation("other", cast(ToolCall, None)), asking(name)))
        for name in ("first", "second")
    ]
    for _ in range(20):
        await asyncio.sleep(0)
    assert begun == ["first"]
    may_end.set()
    assert await asyncio.gather(*calls) == ["first", "second"]
    late = await turns.answer(None, cast(Any, None))
    assert isinstance(late, ErrorData) and "no call is under way" in late.message
