"""The plugin behind the edges under test: one tool for each thing a call can do."""

from __future__ import annotations

import asyncio
import secrets
import sys
from typing import Any

from pydantic import BaseModel

from agentos import (
    ConflictError,
    HttpRequest,
    HttpResponse,
    NotFoundError,
    Route,
    Tool,
    ToolCall,
    hookimpl,
    tool,
)
from agentos.middleware import Authorizer
from agentos.testing import AllowEverything


class Text(BaseModel):
    text: str


class Anything(BaseModel):
    value: Any
    kind: str
    nothing: str | None


class Caller(BaseModel):
    name: str
    role: str
    edge: str
    work_order: str | None
    claims: dict[str, Any]


@tool()
async def echo(call: ToolCall, text: str, extra: dict[str, Any] | None = None) -> Text:
    """Say `text` again."""
    return Text(text=text)


@tool()
async def whoami(call: ToolCall) -> Caller:
    """Who the kernel thinks is calling."""
    return Caller(
        name=call.principal.name,
        role=call.principal.role.value,
        edge=call.edge,
        work_order=call.work_order,
        claims=dict(call.claims),
    )


@tool()
async def count_steps(call: ToolCall, steps: int) -> Text:
    """Report progress `steps` times."""
    for step in range(1, steps + 1):
        await call.progress(step, steps, f"step {step}")
    return Text(text=f"{steps} steps")


@tool(timeout_s=60)
async def rendezvous(call: ToolCall, port: int) -> Text:
    """Connect to a test's listener and end when it says so; being cancelled closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return Text(text=(await reader.readline()).decode().strip())
    finally:
        writer.close()


@tool(writes=["note"], destructive=True)
async def erase_note(call: ToolCall) -> Text:
    """Refuse to erase a note that changed."""
    raise ConflictError("somebody else changed it", remedy="read it again")


@tool(writes=["note"])
async def number_note(call: ToolCall) -> Text:
    """Give a note a number that no other note has, so that a replay shows."""
    return Text(text=f"note-{secrets.token_hex(8)}")


@tool()
async def describe(call: ToolCall, value: Any) -> Anything:
    """Say what JSON value the argument is; an odd one for the serializers."""
    return Anything(value=value, kind=type(value).__name__, nothing=None)


@tool()
async def crash(call: ToolCall) -> Text:
    """Fail in a way nobody declared."""
    raise RuntimeError("the secret inside")


@tool()
async def print_noise(call: ToolCall) -> Text:
    """Write to standard output, as a careless library would."""
    print("noise on standard output")
    sys.stdout.flush()
    return Text(text="printed")


@hookimpl
def register_tools() -> list[Tool]:
    return [
        whoami,
        echo,
        count_steps,
        rendezvous,
        erase_note,
        crash,
        print_noise,
        number_note,
        describe,
    ]


@hookimpl
def wrap_tool_call(tool: Tool) -> Authorizer:
    return AllowEverything().wrap_tool_call(tool)


@hookimpl
def register_routes() -> list[Route]:
    return [Route("/api/things/{id}", _show_thing), Route("/api/broken", _break)]


async def _show_thing(request: HttpRequest) -> HttpResponse:
    id = request.path_parameters["id"]
    if id == "none":
        raise NotFoundError("no thing has that id")
    text = f"{id} {request.query.get('view', '')} {request.principal.name}"
    return HttpResponse(text.encode(), "text/plain", headers={"x-thing": id})


async def _break(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret inside")
