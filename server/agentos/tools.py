"""Declaring a tool: a typed async function whose signature is its schema.

Above: plugins declare, the pipeline runs, edges publish. Below: pydantic.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_type_hints

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from agentos.content import StructuredContent
from agentos.errors import InvalidArgumentError, PluginError
from agentos.profiles import LISTABLE, ProfileName
from agentos.schemas import lean
from agentos.surface import Surface

TaskUse = Literal["never", "optional", "always", "required"]
"""Whether a call becomes a task for a client that takes tasks: `optional` when it takes long,
`always` at once; `required` refuses clients that take none."""

ToolBody = Callable[..., Awaitable[BaseModel]]

MAX_TEXT_CHARS = 4_000
MAX_PROBLEMS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A declared function: what the pipeline runs, and, on the surface TOOL, what models see."""

    name: str
    description: str
    parameters: type[BaseModel]
    reader: TypeAdapter[BaseModel]
    """Reads arguments as `parameters`, without the detour through the class."""
    result: type[BaseModel]
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    body: ToolBody
    reads: frozenset[str]
    writes: frozenset[str]
    paths: tuple[str, ...]
    is_destructive: bool
    is_idempotent: bool
    timeout_s: float
    max_result_bytes: int
    max_cost_usd: Decimal | None
    surface: Surface = Surface.TOOL
    converses: bool = False
    """Whether the body may ask the client or log to it while it runs."""
    profiles: frozenset[str] | None = None
    """Where it is listed (`agentos.profiles`); None is everywhere."""
    task: TaskUse = "optional"
    reads_like: str | None = None
    """The tool that answers the same; who may not call it may not reach this either."""

    records_once: bool = False
    """Whether its admission and its outcome are stored in one step, before the answer."""

    @property
    def judged_name(self) -> str:
        """The name by which contracts, policies and locks judge a call."""
        return self.reads_like or self.name

    @property
    def is_read_only(self) -> bool:
        """Whether the tool changes nothing."""
        return not self.writes

    def validate(self, arguments_json: bytes) -> BaseModel:
        """The parameter model of `arguments_json`; InvalidArgumentError names each bad argument.

        Strict: no coercion between JSON types, no unknown arguments, no NUL characters.
        """
        if b"\\u0000" in arguments_json:
            _refuse_nul(orjson.loads(arguments_json), "")
        try:
            validated: BaseModel = self.reader.validator.validate_json(arguments_json)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
            said = [_describe(self, problem) for problem in problems[:MAX_PROBLEMS]]
            if len(problems) > MAX_PROBLEMS:
                said.append(f"and {len(problems) - MAX_PROBLEMS} more")
            raise InvalidArgumentError(
                "; ".join(said),
                remedy=f"call {self.name} with arguments that fit its input schema",
            ) from None
        return validated


def tool(
    *,
    reads: Sequence[str] = (),
    writes: Sequence[str] = (),
    paths: Sequence[str] = (),
    destructive: bool = False,
    idempotent: bool | None = None,
    timeout_s: float = 30.0,
    max_result_bytes: int = 1_048_576,
    max_cost_usd: Decimal | None = None,
    converses: bool = False,
    profiles: Collection[ProfileName] | None = None,
    task: TaskUse = "optional",
    records_once: bool = False,
) -> Callable[[ToolBody], Tool]:
    """Declare an `async def body(call, ...) -> ResultModel` as a tool named after the function.

    `reads` and `writes` are capability names that authorizers judge; a tool that writes nothing is
    read-only. `paths` names the parameters that hold repository paths; `max_cost_usd` is set aside
    from the work order's budget while the call runs. `converses` lets the body ask the client or
    log to it (`call.ask`, `call.log`). `profiles` names those that list it (`worker`, `reviewer`,
    `planner`, `admin`, `bot`): None is each, and none of them leaves it to who searches all tools.
    `task` says when a call of a client that takes tasks becomes one: "optional" when it takes long,
    "always" at once, "never"; "required" refuses clients that take none.
    `records_once` is for short reads of what the server itself holds: nothing outside can tell that
    such a body ran but by its answer, so the record that it was admitted is stored together with
    the one of its outcome, before the answer; one write to the disk instead of two.
    The docstring is what a model reads; parameters are described by
    `Annotated[..., Field(description=...)]`.
    """

    def declare(body: ToolBody) -> Tool:
        return declare_function(
            body,
            Surface.TOOL,
            reads=reads,
            writes=writes,
            paths=paths,
            destructive=destructive,
            idempotent=idempotent,
            timeout_s=timeout_s,
            max_result_bytes=max_result_bytes,
            max_cost_usd=max_cost_usd,
            converses=converses,
            profiles=profiles,
            task=task,
            records_once=records_once,
        )

    return declare


def declare_function(
    body: ToolBody,
    surface: Surface,
    *,
    name: str | None = None,
    description: str | None = None,
    reads: Sequence[str] = (),
    writes: Sequence[str] = (),
    paths: Sequence[str] = (),
    destructive: bool = False,
    idempotent: bool | None = None,
    timeout_s: float = 30.0,
    max_result_bytes: int = 1_048_576,
    max_cost_usd: Decimal | None = None,
    converses: bool = False,
    profiles: Collection[ProfileName] | None = None,
    task: TaskUse = "optional",
    reads_like: str | None = None,
    records_once: bool = False,
) -> Tool:
    """What `tool`, `resource` and `prompt` make of a function; PluginError says what is wrong.

    `name` and `description` are the function's own name and docstring where they are None.
    """
    name = name or body.__name__
    description = description or inspect.getdoc(body)
    if not description:
        raise PluginError(f"{surface} {name}: the docstring is missing; models choose by it")
    parameters, result = _models_of(body, surface, name)
    unknown = set(paths) - set(parameters.model_fields)
    if unknown:
        raise PluginError(f"{surface} {name}: paths names unknown parameters {sorted(unknown)}")
    if records_once and (writes or max_cost_usd or converses):
        raise PluginError(f"{surface} {name}: records_once is for what only reads, at no cost")
    unlisted = sorted(set(profiles or ()) - set(LISTABLE))
    if unlisted:
        raise PluginError(
            f"{surface} {name}: no profile is named {unlisted[0]!r}; there are {', '.join(LISTABLE)}"
        )
    return Tool(
        name=name,
        description=description,
        parameters=parameters,
        reader=TypeAdapter(parameters),
        result=result,
        input_schema=_schema(parameters, "validation"),
        # What its named fields are, if any, is known only to who made them.
        output_schema={} if result is StructuredContent else _schema(result, "serialization"),
        body=body,
        reads=frozenset(reads),
        writes=frozenset(writes),
        paths=tuple(paths),
        is_destructive=destructive,
        is_idempotent=not writes if idempotent is None else idempotent,
        timeout_s=timeout_s,
        max_result_bytes=max_result_bytes,
        max_cost_usd=max_cost_usd,
        surface=surface,
        converses=converses,
        profiles=None if profiles is None else frozenset(profiles),
        task=task,
        reads_like=reads_like,
        records_once=records_once,
    )


def _models_of(
    body: ToolBody, surface: Surface, name: str
) -> tuple[type[BaseModel], type[BaseModel]]:
    if not inspect.iscoroutinefunction(body):
        raise PluginError(f"{surface} {name}: the body must be an async function")
    hints = get_type_hints(body, include_extras=True)
    result = hints.pop("return", None)
    if not (isinstance(result, type) and issubclass(result, BaseModel)):
        raise PluginError(f"{surface} {name}: the return annotation must be a pydantic model")
    declared = list(inspect.signature(body).parameters.values())[1:]
    fields: dict[str, Any] = {
        parameter.name: (
            hints[parameter.name],
            ... if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for parameter in declared
    }
    config = ConfigDict(extra="forbid", strict=True, frozen=True)
    return create_model(f"{name}_arguments", __config__=config, **fields), result


def _schema(model: type[BaseModel], mode: Any) -> dict[str, Any]:
    return lean(model.model_json_schema(mode=mode))


def _describe(tool: Tool, problem: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "arguments"
    if len(where) > 120:
        where = where[:117] + "..."
    if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
        fields = tool.parameters.model_fields
        known = ", ".join(each.alias or name for name, each in fields.items()) or "none"
        return f"unknown argument `{where}`; {tool.name} accepts: {known}"
    if problem["type"] == "missing":
        return f"argument `{where}` is required"
    return f"argument `{where}`: {problem['msg']}"


def _refuse_nul(value: Any, where: str) -> None:
    if isinstance(value, str) and "\x00" in value:
        raise InvalidArgumentError(
            f"argument `{where}` contains a NUL character; remove it",
            remedy="send text without NUL",
        )
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_nul(key, "a field name")
            _refuse_nul(item, f"{where}.{key}" if where else key)
    if isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_nul(item, f"{where}.{index}")
