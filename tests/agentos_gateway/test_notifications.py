"""What other servers tell unasked: changed resources and lists, log lines; and completion.

Required by the issue "Edge": what the pipeline can carry passes, of both eras on both sides.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from mcp import Client, MCPDeprecationWarning
from mcp.types import PromptReference, ResourceTemplateReference
from structlog.testing import capture_logs

from agentos import Settings
from agentos.testing import serve_http
from tests.agentos_gateway.stage import (
    Foreign,
    approved,
    call,
    gateway_kernel,
    text_of,
    tool_named,
    until,
)

pytestmark = pytest.mark.anyio

NOTES = "file:///notes.txt"
PROMPT = {"name": "triage", "arguments": [{"name": "key", "required": True}, {"name": "tone"}]}


def twice(foreign: Foreign, **more: Any) -> dict[str, Any]:
    own = {"resources": True, "prompts": True, **more}
    return {
        "new": foreign.settings(**own),
        "old": foreign.settings(protocol="legacy", **own),
    }


async def test_who_listens_to_a_resource_of_another_server_is_told_when_it_changes(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(
        tool_named("touch"),
        resources=[{"uri": NOTES, "name": "notes"}],
        templates=[{"uriTemplate": "file:///logs/{name}", "name": "logs"}],
    )
    told: asyncio.Queue[str] = asyncio.Queue()
    over: set[str] = set()

    async def take(message: Any) -> None:
        if getattr(message, "method", "") == "notifications/resources/updated":
            told.put_nowait(str(message.params.uri))

    async with (
        gateway_kernel(settings, twice(foreign)) as kernel,
        serve_http(kernel) as url,
        Client(f"{url}/mcp", cache=None) as today,
        Client(f"{url}/mcp", mode="legacy", message_handler=take, cache=None) as before,
    ):
        for server in ("new", "old"):
            await approved(kernel, server)
            templates = (await today.list_resource_templates()).resource_templates
            (template,) = [t.uri_template for t in templates if f"//{server}/" in t.uri_template]
            log = "file:///logs/today"
            for uri, there in (
                (f"gateway://{server}/{quote(NOTES, safe='')}", NOTES),
                (template.replace("{uri}", quote(log, safe="")), log),
            ):
                with pytest.warns(MCPDeprecationWarning):
                    await before.session.subscribe_resource(uri)
                async with (
                    today.listen(resource_subscriptions=[uri]) as changes,
                    asyncio.timeout(60),
                ):
                    touching = asyncio.create_task(touch_until_stopped(kernel, server, there))
                    try:
                        event: Any = await anext(aiter(changes))
                        assert str(event.uri) == uri
                        # What was on its way when nobody asked for it any more may come late.
                        while (changed := await told.get()) in over:
                            pass
                        assert changed == uri
                    finally:
                        touching.cancel()
                with pytest.warns(MCPDeprecationWarning):
                    await before.session.unsubscribe_resource(uri)
                over.add(uri)


async def touch_until_stopped(kernel: Any, server: str, uri: str) -> None:
    """What changes before a subscription has reached the other server is told to nobody."""
    while True:
        await call(kernel, f"{server}__touch", {"uri": uri})
        await asyncio.sleep(0.1)


async def test_arguments_of_prompts_and_templates_are_completed_by_their_server(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(
        tool_named("echo"),
        prompts=[PROMPT],
        templates=[{"uriTemplate": "file:///{path}.txt", "name": "files"}],
    )
    async with (
        gateway_kernel(settings, {"other": twice(foreign)["new"]}) as kernel,
        serve_http(kernel) as url,
        Client(f"{url}/mcp", cache=None) as client,
    ):
        await approved(kernel)
        prompt = PromptReference(name="other__triage")
        found = await client.complete(
            prompt, {"name": "key", "value": "OPS-"}, context_arguments={"tone": "kind"}
        )
        assert found.completion.values == ["OPS-1", "OPS-2", "OPS-tone"]
        assert found.completion.total == 9
        (template,) = (await client.list_resource_templates()).resource_templates
        reference = ResourceTemplateReference(uri=template.uri_template)
        typed = {"name": "uri", "value": "file:///a"}
        found = await client.complete(reference, typed)
        assert found.completion.values == ["file:///a1.txt", "file:///a2.txt"]
        elsewhere = {"name": "uri", "value": "http://x"}
        assert (await client.complete(reference, elsewhere)).completion.values == []
        # A completion names things, so it is a call: recorded, and refused with what it completes.
        tools = [
            event.data["tool"]
            for event in await kernel.bus.reader.read(0)
            if event.type == "call.allowed"
        ]
        assert "complete_other__triage_0" in tools


async def test_a_changed_list_is_looked_at_before_anybody_calls(
    settings: Settings, foreign: Foreign
) -> None:
    for protocol in ("auto", "legacy"):
        foreign.says(tool_named("announce"), tool_named("echo"), tool_named("gone"))
        servers = {"other": foreign.settings(protocol=protocol, check_every_s=600)}
        async with gateway_kernel(settings, servers) as kernel:
            await approved(kernel)
            foreign.says(
                tool_named("announce"),
                tool_named("echo", description="Now it does something else."),
                tool_named("fresh"),
            )
            # The call itself does not look at the list, which is new enough for it.
            assert text_of(await call(kernel, "other__announce")) == "announced"
            (listed,) = (await call(kernel, "list_gateway_servers")).structured["servers"]
            async with asyncio.timeout(60):
                while listed["waiting"] != {
                    "new": ["fresh"], "changed": ["echo"], "missing": ["gone"]
                }:  # fmt: skip
                    await asyncio.sleep(0.05)
                    (listed,) = (await call(kernel, "list_gateway_servers")).structured["servers"]
            await approved(kernel, "other", "echo", "fresh")
            (listed,) = (await call(kernel, "list_gateway_servers")).structured["servers"]
            assert listed["waiting"] == {"new": [], "changed": [], "missing": ["gone"]}
            await call(kernel, "revoke_gateway_tools", {"server": "other"})
            await until(lambda: "other__echo" not in kernel.tools)


async def test_what_a_server_logs_is_in_the_log_of_this_one_without_secrets(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(tool_named("chat"))
    servers = {"other": foreign.settings(protocol="legacy")}
    with capture_logs() as lines:
        async with gateway_kernel(settings, servers) as kernel:
            await approved(kernel)
            assert text_of(await call(kernel, "other__chat")) == "chatted"
            await until(lambda: any(each["event"] == "gateway_server_said" for each in lines))
    (said,) = [each for each in lines if each["event"] == "gateway_server_said"]
    assert (said["server"], said["level_there"]) == ("other", "warning")
    assert said["line"].startswith("low on paper") and "hunter2a" not in said["line"]
