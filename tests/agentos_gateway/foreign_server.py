"""Another MCP server, for tests: its tools are what a file says, and each does what its name says.

    python foreign_server.py FILE            over standard input and output
    python foreign_server.py FILE PORT       over HTTP, answering in JSON
    python foreign_server.py FILE PORT sse   the same, answering in event streams

The file is read anew for every list, so that a test changes what the server says by writing it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from mcp import MCPError
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    ResourceUpdated,
    ToolsListChanged,
)
from mcp.types import (
    CallToolResult,
    CompleteResult,
    CreateMessageRequest,
    CreateMessageResult,
    ElicitRequest,
    ElicitResult,
    EmptyResult,
    GetPromptResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    LoggingMessageNotification,
    LoggingMessageNotificationParams,
    ReadResourceResult,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

FILE = Path(sys.argv[1])


def said() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


async def list_tools(ctx: Any, params: Any) -> ListToolsResult:
    return ListToolsResult.model_validate({"tools": said().get("tools", [])})


async def list_prompts(ctx: Any, params: Any) -> ListPromptsResult:
    return ListPromptsResult.model_validate({"prompts": said().get("prompts", [])})


async def list_resources(ctx: Any, params: Any) -> ListResourcesResult:
    return ListResourcesResult.model_validate({"resources": said().get("resources", [])})


async def list_templates(ctx: Any, params: Any) -> ListResourceTemplatesResult:
    found = {"resourceTemplates": said().get("templates", [])}
    return ListResourceTemplatesResult.model_validate(found)


async def read_resource(ctx: Any, params: Any) -> ReadResourceResult:
    text = f"contents of {params.uri}"
    return ReadResourceResult.model_validate(
        {"contents": [{"uri": str(params.uri), "mimeType": "text/plain", "text": text}]}
    )


async def get_prompt(ctx: Any, params: Any) -> GetPromptResult:
    text = f"{params.name} of {json.dumps(params.arguments, sort_keys=True)}"
    message = {"role": "user", "content": {"type": "text", "text": text}}
    return GetPromptResult.model_validate({"messages": [message]})


async def complete(ctx: Any, params: Any) -> CompleteResult:
    chosen = dict(params.context.arguments or {}) if params.context else {}
    values = [f"{params.argument.value}{end}" for end in ("1", "2", *sorted(chosen))]
    return CompleteResult.model_validate({"completion": {"values": values, "total": 9}})


async def subscribe(ctx: Any, params: Any) -> EmptyResult:
    SUBSCRIBED[str(params.uri)] = ctx.session
    return EmptyResult()


async def unsubscribe(ctx: Any, params: Any) -> EmptyResult:
    SUBSCRIBED.pop(str(params.uri), None)
    return EmptyResult()


async def call_tool(ctx: Any, params: Any) -> CallToolResult | InputRequiredResult:
    if params.name in ASKS:
        return await _ask(ctx, params)
    answer = await DOES.get(params.name, _echo)(ctx, params.arguments or {})
    return CallToolResult.model_validate(answer)


async def _ask(ctx: Any, params: Any) -> CallToolResult | InputRequiredResult:
    """Ask by whatever the revision has, and answer what was answered."""
    calls = FILE.with_suffix(".calls")
    calls.write_text(calls.read_text() + "x" if calls.exists() else "x")
    asked = [ElicitRequest.model_validate({"params": each}) for each in ASKS[params.name]]
    if ctx.session.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        answers = []
        for each in asked:
            try:
                found = await ctx.session.send_request(each, ElicitResult)
            except MCPError as error:
                return CallToolResult.model_validate(text(f"refused: {error.error.message}"))
            answers.append(found.model_dump(mode="json", exclude_none=True))
    else:
        given = params.input_responses or {}
        answers = json.loads(params.request_state or "[]")
        answers += [each.model_dump(mode="json", exclude_none=True) for each in given.values()]
        if len(answers) < len(asked):
            return InputRequiredResult(
                input_requests={f"q{len(answers)}": asked[len(answers)]},
                request_state=json.dumps(answers),
            )
    said = [[each["action"], each.get("content")] for each in answers]
    return CallToolResult.model_validate(text(json.dumps(said)))


async def _sample(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "user", "content": {"type": "text", "text": "Be our model."}}
    request = CreateMessageRequest.model_validate(
        {"params": {"messages": [message], "maxTokens": 10}}
    )
    try:
        await ctx.session.send_request(request, CreateMessageResult)
    except MCPError as error:
        return text(f"refused: {error.error.message}")
    return text("sampled")


async def _touch(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    uri = arguments["uri"]
    await BUS.publish(ResourceUpdated(uri=uri))
    if uri in SUBSCRIBED:
        await SUBSCRIBED[uri].send_resource_updated(uri)
    return text("touched")


async def _chat(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    said = LoggingMessageNotificationParams(level="warning", data="low on paper, password=hunter2a")
    await ctx.session.send_notification(LoggingMessageNotification(params=said))
    return text("chatted")


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": said}], **more}


async def _echo(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return text(json.dumps(arguments, sort_keys=True))


async def _add(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    total = arguments["a"] + arguments["b"]
    return text(str(total), structuredContent={"sum": total})


async def _lie(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return text("many", structuredContent={"sum": "many"})


async def _fail(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return text("the disk is full", isError=True)


async def _crash(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    print("fatal: out of luck, token=ghp_abcdefghijklmnopqrstuvwxyz0123456789", file=sys.stderr)
    os._exit(3)


async def _hang(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    # The mark tells a test that the call is here, and that it was cancelled.
    mark = Path(arguments["mark"])
    mark.write_text("running")
    try:
        await asyncio.Event().wait()
    finally:
        mark.write_text("cancelled")
    raise AssertionError


async def _huge(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return text("x" * arguments["bytes"])


async def _pid(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return text(str(os.getpid()))


async def _child(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return text(str(subprocess.Popen(["sleep", "600"]).pid))


async def _environment(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return text(json.dumps(dict(os.environ)))


async def _count(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    for step in (1, 2, 3):
        await ctx.session.report_progress(step, 3, f"step {step}")
    return text("counted")


async def _everything(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    data = base64.b64encode(b"\x00\x01").decode()
    resource = {"uri": "agentos://work-orders/WO-1", "mimeType": "text/plain", "text": "mine"}
    return {
        "content": [
            {"type": "text", "text": "a text"},
            {"type": "image", "data": data, "mimeType": "image/png"},
            {"type": "audio", "data": data, "mimeType": "audio/wav"},
            {"type": "resource", "resource": resource},
            {"type": "resource_link", "uri": "agentos://work-orders/WO-1", "name": "link"},
        ]
    }


async def _announce(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    await BUS.publish(ToolsListChanged())
    await ctx.session.send_tool_list_changed()
    return text("announced")


async def _write(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    Path(arguments["path"]).write_text(arguments.get("content", ""))
    return text("written")


CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SECRET = {"type": "object", "properties": {"password": {"type": "string"}}}
HOTEL = {"type": "object", "properties": {"nights": {"type": "integer"}}}
ASKS: dict[str, list[dict[str, Any]]] = {
    "ask": [{"message": "Where to?", "requestedSchema": CITY}],
    "ask_twice": [
        {"message": "Where to?", "requestedSchema": CITY},
        {"message": "How long?", "requestedSchema": HOTEL},
    ],
    "ask_secret": [{"message": "Who are you?", "requestedSchema": SECRET}],
    "ask_hidden": [{"message": "Fine\u200b", "requestedSchema": CITY}],
    "ask_url": [
        {
            "mode": "url",
            "message": "Connect your account.",
            "url": "https://id.example.com/connect?id=7",
            "elicitationId": "e7",
        }
    ],
}
BUS = InMemorySubscriptionBus()
SUBSCRIBED: dict[str, Any] = {}

DOES = {
    "add": _add,
    "chat": _chat,
    "sample": _sample,
    "touch": _touch,
    "announce": _announce,
    "child": _child,
    "count": _count,
    "crash": _crash,
    "environment": _environment,
    "everything": _everything,
    "fail": _fail,
    "hang": _hang,
    "huge": _huge,
    "lie": _lie,
    "pid": _pid,
    "write": _write,
}

server: Server[Any] = Server(
    "foreign",
    version="1.0",
    on_list_tools=list_tools,
    on_call_tool=call_tool,
    on_list_prompts=list_prompts,
    on_get_prompt=get_prompt,
    on_list_resources=list_resources,
    on_list_resource_templates=list_templates,
    on_read_resource=read_resource,
    on_completion=complete,
    on_subscribe_resource=subscribe,
    on_unsubscribe_resource=unsubscribe,
    on_subscriptions_listen=ListenHandler(BUS),
)


async def serve() -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    if len(sys.argv) > 2:
        import uvicorn

        app = server.streamable_http_app(json_response=len(sys.argv) == 3)
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
    else:
        asyncio.run(serve())
