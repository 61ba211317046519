"""Approved definitions as declared functions of ours: what pipelines run and clients are shown.

Above: the gateway publishes them. Below: `agentos.Tool`. A tool is published as it was approved;
what the server says today is compared when it is called.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from agentos import (
    Contents,
    InvalidArgumentError,
    Messages,
    Prompt,
    Resource,
    StructuredContent,
    Surface,
    Tool,
    ToolCall,
    UriTemplate,
)
from agentos_gateway.argument_schema import ArgumentSchema
from agentos_gateway.completing import Complete, completed_arguments, completed_uri
from agentos_gateway.configuration import ANSWER_TIMEOUT_S, ServerSettings, ToolSettings
from agentos_gateway.definitions import Definition, offered_name
from agentos_gateway.protocol.blocks import SCHEME

MAX_ARGUMENT_BYTES = 1_048_576
PATHS = "gateway_paths"
"""The attribute of the parameters that holds all paths of a call, for contracts to judge."""
CALL_MARGIN_S = 5.0

Run = Callable[[ToolCall, Definition], Awaitable[Any]]
FollowForeign = Callable[[str, Definition, str, Callable[[], Awaitable[None]]], Awaitable[None]]
"""Gets the server, what was approved, the URI there, and what to call at each change."""


class _Arguments(BaseModel):
    """What is judged of the arguments; the server gets `ToolCall.arguments`, as they were sent."""

    model_config = ConfigDict(frozen=True)

    gateway_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ForeignTool(Tool):
    """A tool of another server; its arguments are checked by the schema that was approved."""

    server: str = ""
    schema: ArgumentSchema | None = None
    result_schema: ArgumentSchema | None = None
    selectors: tuple[str, ...] = ()

    def validate(self, arguments_json: bytes) -> BaseModel:
        """The paths among the arguments; InvalidArgumentError where those do not fit the schema."""
        if len(arguments_json) > MAX_ARGUMENT_BYTES:
            raise InvalidArgumentError(
                f"the arguments are {len(arguments_json)} bytes; the limit is {MAX_ARGUMENT_BYTES}",
                remedy="send less at a time",
            )
        if b"\\u0000" in arguments_json:
            raise InvalidArgumentError("an argument contains a NUL character; remove it")
        arguments = orjson.loads(arguments_json)
        assert self.schema is not None
        problem = self.schema.find_problem(arguments)
        if problem is not None:
            raise InvalidArgumentError(
                f"the arguments do not fit: {problem}",
                remedy=f"call {self.name} with arguments that fit its input schema",
            )
        paths = tuple(path for each in self.selectors for path in _selected(arguments, each))
        return _Arguments(gateway_paths=paths)

    def find_result_problem(self, fields: Mapping[str, Any] | None) -> str | None:
        """Why the named fields of an answer are not what was approved; None where they are."""
        if self.result_schema is None:
            return None
        return "there are none" if fields is None else self.result_schema.find_problem(fields)


def declare_tool(
    server: str, settings: ServerSettings, definition: Definition, run: Run
) -> ForeignTool:
    """The tool as approved; ValueError says why it cannot be one."""
    said = definition.document
    hints = said.get("annotations") or {}
    known = settings.tools.get(definition.name, ToolSettings())
    name = offered_name(server, definition)
    is_read_only = settings.is_read_only(definition.name) and hints.get("readOnlyHint") is True
    capability = frozenset({f"gateway.{server}.{definition.name}"})

    async def body(call: ToolCall, gateway_paths: tuple[str, ...]) -> StructuredContent:
        answer: StructuredContent = await run(call, definition)
        return answer

    selectors = _selectors(settings, known, definition)
    output_schema = _output_schema(said)
    return ForeignTool(
        name=name,
        description=said.get("description") or said.get("title") or definition.name,
        parameters=_Arguments,
        reader=TypeAdapter(_Arguments),
        result=StructuredContent,
        input_schema=dict(said["inputSchema"]),
        output_schema=output_schema,
        body=body,
        reads=capability if is_read_only else frozenset(),
        writes=frozenset() if is_read_only else capability,
        paths=(PATHS,) if selectors else (),
        is_destructive=not is_read_only and hints.get("destructiveHint") is not False,
        is_idempotent=is_read_only or hints.get("idempotentHint") is True,
        timeout_s=_timeout_s(settings, definition.name),
        max_result_bytes=settings.max_result_bytes,
        max_cost_usd=known.cost_usd,
        profiles=None if settings.profiles is None else frozenset(settings.profiles),
        server=server,
        schema=ArgumentSchema(said["inputSchema"]),
        result_schema=ArgumentSchema(output_schema) if output_schema else None,
        selectors=selectors,
        converses=settings.asks,
    )


def declare_prompt(
    server: str, settings: ServerSettings, definition: Definition, run: Run, complete: Complete
) -> Prompt:
    """The prompt as approved, with completion of its arguments by the server."""
    said = definition.document

    async def body(call: ToolCall, /, **arguments: str) -> Messages:
        rendered: Messages = await run(call, definition)
        return rendered

    # By an alias: what another server calls an argument may be no name of a field of ours.
    fields: dict[str, Any] = {
        f"argument_{number}": (str, Field(... if each.get("required") else "", alias=each["name"]))
        for number, each in enumerate(said.get("arguments", []))
    }
    config = ConfigDict(extra="forbid", strict=True, frozen=True)
    parameters = create_model("gateway_prompt_arguments", __config__=config, **fields)
    function = _function(server, settings, definition, Surface.PROMPT, parameters, Messages, body)
    names = [each["name"] for each in said.get("arguments", [])]
    return Prompt(
        function, said.get("title"), completed_arguments(function, definition, names, complete)
    )


def declare_resource(
    server: str,
    settings: ServerSettings,
    definition: Definition,
    run: Run,
    complete: Complete,
    follow: FollowForeign,
) -> Resource:
    """The resource under its wrapped URI; a template is one place that holds the whole URI."""
    said = definition.document
    is_template = definition.kind == "template"

    async def body(call: ToolCall, **values: str) -> Contents:
        contents: Contents = await run(call, definition)
        return contents

    fields: dict[str, Any] = {"uri": (str, ...)} if is_template else {}
    config = ConfigDict(extra="forbid", strict=True, frozen=True)
    parameters = create_model("gateway_resource_arguments", __config__=config, **fields)
    function = _function(server, settings, definition, Surface.RESOURCE, parameters, Contents, body)
    place = f"{function.name}/{{uri}}" if is_template else quote(definition.name, safe="")
    template = UriTemplate(f"{SCHEME}://{server}/{place}")

    async def followed(uri: str, changed: Callable[[], Awaitable[None]]) -> None:
        values = template.match(uri) or {}
        await follow(server, definition, values.get("uri", definition.name), changed)

    return Resource(
        function,
        template,
        said.get("title") or said.get("name"),
        said.get("mimeType"),
        completions=completed_uri(function, definition, complete) if is_template else {},
        follow=followed,
    )


def _function(
    server: str,
    settings: ServerSettings,
    definition: Definition,
    surface: Surface,
    parameters: type[BaseModel],
    result: type[BaseModel],
    body: Callable[..., Awaitable[BaseModel]],
) -> Tool:
    said = definition.document
    return Tool(
        name=offered_name(server, definition),
        description=said.get("description") or said.get("title") or definition.name,
        parameters=parameters,
        reader=TypeAdapter(parameters),
        result=result,
        input_schema={},
        output_schema={},
        body=body,
        reads=frozenset({f"gateway.{server}.{definition.kind}s"}),
        writes=frozenset(),
        paths=(),
        is_destructive=False,
        is_idempotent=True,
        timeout_s=_timeout_s(settings, definition.name),
        max_result_bytes=settings.max_result_bytes,
        max_cost_usd=None,
        surface=surface,
        converses=settings.asks,
    )


def _timeout_s(settings: ServerSettings, tool: str) -> float:
    """Of the whole call: the server's start, a look at its list, the call there, and persons."""
    own_s = settings.timeout_of(tool) + (ANSWER_TIMEOUT_S if settings.asks else 0.0)
    return settings.start_timeout_s + settings.timeout_s + own_s + CALL_MARGIN_S


def _output_schema(said: Mapping[str, Any]) -> dict[str, Any]:
    schema = said.get("outputSchema") or {}
    return dict(schema) if schema.get("type") == "object" else {}


def _selectors(
    settings: ServerSettings, known: ToolSettings, definition: Definition
) -> tuple[str, ...]:
    properties = definition.document["inputSchema"].get("properties") or {}
    if known.paths is not None:
        for each in known.paths:
            if _first(each) not in properties:
                raise ValueError(f"`paths` names {each!r}, which it does not take")
        return known.paths
    return tuple(each for each in settings.paths if _first(each) in properties)


def _first(selector: str) -> str:
    return selector.partition(".")[0].removesuffix("[]")


def _selected(arguments: Any, selector: str) -> Iterator[str]:
    """The paths that a selector finds; InvalidArgumentError for what is no absolute path."""
    found: Sequence[Any] = [arguments]
    for step in selector.split("."):
        name = step.removesuffix("[]")
        # Lists are looked into whether or not the selector says so: the server may, too.
        items = [each for item in found for each in _items(item)]
        found = [item[name] for item in items if isinstance(item, dict) and name in item]
    for path in found:
        for each in _items(path):
            if each is not None:
                yield _absolute(each, selector)


def _items(value: Any) -> Iterator[Any]:
    """What a list holds, and what the lists in it hold; anything else by itself."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += reversed(each)
        else:
            yield each


def _absolute(path: Any, selector: str) -> str:
    if not isinstance(path, str):
        raise InvalidArgumentError(f"argument `{selector}` holds a path that is not text")
    # The server would read a relative one from a folder of its own, and it would be judged as one
    # of the workspace.
    if not path.startswith("/"):
        raise InvalidArgumentError(
            f"argument `{selector}`: {path[:100]!r} is not an absolute path",
            remedy="send the absolute path of the file in the workspace",
        )
    return path
