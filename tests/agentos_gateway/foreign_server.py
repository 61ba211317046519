"""Another MCP server, for tests: its tools are what a file says, and each does what its name says.

    python foreign_server.py FILE            over standard input and output
    python foreign_server.py FILE PORT       over HTTP

The file is read anew for every list, so that a test changes what the server says by writing it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.types import (
    CallToolResult,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    ReadResourceResult,
)

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


async def call_tool(ctx: Any, params: Any) -> CallToolResult:
    answer = await DOES.get(params.name, _echo)(ctx, params.arguments or {})
    return CallToolResult.model_validate(answer)


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


async def _freeze(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSTOP)
    return text("thawed")


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
    await ctx.session.send_tool_list_changed()
    return text("announced")


async def _write(ctx: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    Path(arguments["path"]).write_text(arguments.get("content", ""))
    return text("written")


DOES = {
    "add": _add,
    "announce": _announce,
    "child": _child,
    "count": _count,
    "crash": _crash,
    "environment": _environment,
    "everything": _everything,
    "fail": _fail,
    "freeze": _freeze,
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
)


async def serve() -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    if len(sys.argv) > 2:
        import uvicorn

        app = server.streamable_http_app(json_response=True)
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
    else:
        asyncio.run(serve())
