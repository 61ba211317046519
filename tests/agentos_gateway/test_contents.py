"""What passes through besides text: content of every kind, prompts, resources, progress."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters

from agentos import Kernel, Settings
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

WRAPPED = "gateway://other/agentos%3A%2F%2Fwork-orders%2FWO-1"


async def test_content_of_every_kind_passes_and_shadows_nothing(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(tool_named("everything"))
    async with gateway_kernel(settings, {"other": foreign.settings()}) as kernel:
        await approved(kernel)
        async with serve_http(kernel) as url, Client(f"{url}/mcp") as client:
            result = await client.call_tool("other__everything", {})
    blocks = [each.model_dump(by_alias=True, exclude_none=True) for each in result.content]
    assert [each["type"] for each in blocks] == [
        "text",
        "image",
        "audio",
        "resource",
        "resource_link",
    ]
    assert (blocks[1]["data"], blocks[1]["mimeType"]) == ("AAE=", "image/png")
    assert blocks[3]["resource"]["uri"] == WRAPPED
    assert blocks[4]["uri"] == WRAPPED


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_clients_of_both_eras_see_tools_come_and_call_them(
    settings: Settings, foreign: Foreign, era: str
) -> None:
    schema = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
    foreign.says(tool_named("add", outputSchema=schema))
    told: list[str] = []

    async def take(message: Any) -> None:
        told.append(getattr(message, "method", ""))

    async with (
        gateway_kernel(settings, {"other": foreign.settings()}) as kernel,
        serve_http(kernel) as url,
        Client(f"{url}/mcp", mode=era, message_handler=take, cache=None) as client,
    ):
        assert "other__add" not in await names_for(client)
        if era == "auto":
            async with client.listen(tools_list_changed=True) as changes:
                await approved(kernel)
                event = await anext(aiter(changes))
                assert type(event).__name__ == "ToolsListChanged"
        else:
            await approved(kernel)
            await until(lambda: "notifications/tools/list_changed" in told)
        assert "other__add" in await names_for(client)
        result = await client.call_tool("other__add", {"a": 2, "b": 3})
        assert result.structured_content == {"sum": 5}
        assert result.content[0].model_dump()["text"] == "5"


@pytest.mark.parametrize("era", [pytest.param("auto", marks=pytest.mark.nightly), "legacy"])
async def test_a_client_over_stdio_is_told_of_what_another_process_approved(
    settings: Settings, foreign: Foreign, era: str
) -> None:
    foreign.says(tool_named("echo"))
    servers = {"other": foreign.settings()}
    told: list[str] = []

    async def take(message: Any) -> None:
        told.append(getattr(message, "method", ""))

    program = StdioServerParameters(
        command=sys.executable,
        args=["-m", "agentos", "mcp"],
        env={
            "AGENTOS_HOME": str(settings.home),
            "AGENTOS_DATABASE_URL": str(settings.database_url),
            "AGENTOS_PLUGINS": "gateway,governance",
            "AGENTOS_ROLE": "admin",
            "AGENTOS_GATEWAY": json.dumps({"servers": servers}),
        },
    )
    async with (
        gateway_kernel(settings, servers, "governance") as kernel,
        Client(program, mode=era, message_handler=take, cache=None) as client,
    ):
        if era == "auto":
            async with client.listen(tools_list_changed=True) as changes:
                await approved(kernel)
                await anext(aiter(changes))
        else:
            capabilities = client.session.server_capabilities
            assert capabilities is not None and capabilities.tools is not None
            assert capabilities.tools.list_changed
            await approved(kernel)
            await until(lambda: "notifications/tools/list_changed" in told)
        result = await client.call_tool("other__echo", {"n": 1})
        assert result.content[0].model_dump()["text"] == '{"n": 1}'


async def names_for(client: Client) -> list[str]:
    return [each.name for each in (await client.list_tools()).tools]


async def test_prompts_and_resources_pass_where_they_are_asked_for_and_approved(
    settings: Settings, foreign: Foreign
) -> None:
    foreign.says(
        tool_named("echo"),
        prompts=[
            {
                "name": "triage",
                "description": "Read a ticket.",
                "arguments": [{"name": "key", "required": True}, {"name": "tone"}],
            }
        ],
        resources=[{"uri": "file:///notes.txt", "name": "notes", "mimeType": "text/plain"}],
        templates=[{"uriTemplate": "file:///{path}", "name": "files"}],
    )
    servers = {"other": foreign.settings(prompts=True, resources=True)}
    async with gateway_kernel(settings, servers) as kernel:
        await approved(kernel)
        async with serve_http(kernel) as url, Client(f"{url}/mcp", cache=None) as client:
            (prompt,) = (await client.list_prompts()).prompts
            assert [each.name for each in prompt.arguments or ()] == ["key", "tone"]
            rendered = await client.get_prompt("other__triage", {"key": "OPS-1"})
            assert rendered.messages[0].content.model_dump()["text"] == (
                'triage of {"key": "OPS-1"}'
            )
            (resource,) = (await client.list_resources()).resources
            assert str(resource.uri) == "gateway://other/file%3A%2F%2F%2Fnotes.txt"
            read = await client.read_resource(str(resource.uri))
            assert read.contents[0].model_dump()["text"] == "contents of file:///notes.txt"
            (template,) = (await client.list_resource_templates()).resource_templates
            uri = template.uri_template.replace("{uri}", "file%3A%2F%2F%2Fa%2Fb.txt")
            read = await client.read_resource(uri)
            assert read.contents[0].model_dump()["text"] == "contents of file:///a/b.txt"
            with pytest.raises(MCPError):
                await client.read_resource("gateway://other/file%3A%2F%2F%2Fsecret.txt")
            outside = template.uri_template.replace("{uri}", "http%3A%2F%2F127.0.0.1%2F")
            with pytest.raises(MCPError):
                await client.read_resource(outside)
    async with gateway_kernel(settings, {"other": foreign.settings()}) as kernel:
        assert not kernel.prompts and not kernel.resources


@pytest.mark.parametrize("name", ["call", "model_config", "copy"])
async def test_an_argument_of_a_prompt_may_be_called_like_anything_of_ours(
    settings: Settings, foreign: Foreign, name: str
) -> None:
    """Neither what is published nor the call breaks by a word that other servers choose."""
    arguments = [{"name": name, "required": True}, {"name": "tone"}]
    foreign.says(tool_named("echo"), prompts=[{"name": "triage", "arguments": arguments}])
    async with gateway_kernel(settings, {"other": foreign.settings(prompts=True)}) as kernel:
        await approved(kernel)
        async with serve_http(kernel) as url, Client(f"{url}/mcp", cache=None) as client:
            (prompt,) = (await client.list_prompts()).prompts
            assert [each.name for each in prompt.arguments or ()] == [name, "tone"]
            rendered = await client.get_prompt("other__triage", {name: "OPS-1"})
            assert rendered.messages[0].content.model_dump()["text"] == (
                f'triage of {{"{name}": "OPS-1"}}'
            )


async def test_progress_passes(settings: Settings, foreign: Foreign) -> None:
    foreign.says(tool_named("count"))
    seen: list[tuple[float, float | None, str]] = []

    async def report(done: float, total: float | None, message: str) -> None:
        seen.append((done, total, message))

    async with gateway_kernel(settings, {"other": foreign.settings()}) as kernel:
        await approved(kernel)
        assert text_of(await call(kernel, "other__count", progress=report)) == "counted"
    assert seen == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")]


async def test_a_server_gets_its_own_environment_and_no_other(
    settings: Settings, foreign: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AGENTOS_TOKEN", "AGENTOS_DATABASE_URL", "CLOUD_SECRET_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, "not for others")
    monkeypatch.setenv("TRACKER_KEY", "hunter22hunter22")
    foreign.says(tool_named("environment"))
    env = {"API_KEY": "${TRACKER_KEY}", "LEVEL": "info"}
    async with gateway_kernel(settings, {"other": foreign.settings(env=env)}) as kernel:
        await approved(kernel)
        seen = json.loads(text_of(await call(kernel, "other__environment")))
        assert seen["API_KEY"] == "hunter22hunter22" and seen["LEVEL"] == "info"
        known = {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "SHELL", "TERM"}
        assert set(seen) <= known | {"TMPDIR", "TZ", "USER", "API_KEY", "LEVEL"}
        events = await all_events(kernel)
        assert "hunter22" not in events and "not for others" not in events
    monkeypatch.delenv("TRACKER_KEY")
    async with gateway_kernel(settings, {"other": foreign.settings(env=env)}) as kernel:
        missing = await call(kernel, "other__environment")
        assert missing.error_code == "unavailable" and "TRACKER_KEY is not set" in missing.text


async def all_events(kernel: Kernel) -> str:
    rows = await kernel.database.fetch("select data::text from kernel.event")
    return "\n".join(row["data"] for row in rows)
