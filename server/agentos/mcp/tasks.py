"""The extension `io.modelcontextprotocol/tasks` (SEP-2663): `tasks/get`, `tasks/update`, `tasks/cancel`.

Above: the server, which publishes these methods. Below: `kernel.tasks`. Only clients of 2026-07-28
that declare the extension with their request take tasks; the extension means nothing before.
"""

from __future__ import annotations

from typing import Any

from mcp import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp.types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    EmptyResult,
    RequestParams,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field, ValidationError

from agentos.asking import Answer, Elicitation, Question, Roots, Sampling
from agentos.calls import Principal
from agentos.clock import format_time
from agentos.errors import AgentOSError, InvalidArgumentError, NotFoundError, RequestError
from agentos.kernel import Kernel
from agentos.mcp.caller import Caller, Context
from agentos.mcp.errors import UNAUTHENTICATED, to_wire
from agentos.mcp.questions import declares, needed_capability, read_answer, wire_question
from agentos.mcp.results import wire_result
from agentos.tasks.model import Task, TaskFailure
from agentos.tools import Tool

EXTENSION = "io.modelcontextprotocol/tasks"
POLL_INTERVAL_MS = 1_000
MAX_ANSWERS = 100

_KINDS: tuple[Question, ...] = (Elicitation("", {}), Sampling((), 1), Roots())


class TaskParams(RequestParams):
    """What names a task."""

    task_id: str


class UpdateParams(TaskParams):
    """Answers to open questions, by the keys that `tasks/get` gave them."""

    input_responses: dict[str, Any] = Field(max_length=MAX_ANSWERS)


class TaskHandlers:
    """The methods of the extension."""

    def __init__(self, kernel: Kernel, caller: Caller) -> None:
        self._kernel = kernel
        self._caller = caller

    async def get(self, ctx: Context, params: TaskParams) -> dict[str, Any]:
        """Where a task stands: its result, its error, or what its client has to answer."""
        principal = await self._principal(ctx, params)
        try:
            return self._wire_task(await self._kernel.tasks.get(principal, params.task_id))
        except AgentOSError as error:
            raise _refusal(error) from error

    async def update(self, ctx: Context, params: UpdateParams) -> EmptyResult:
        """Take answers; what nobody asked, or what was answered before, is ignored."""
        principal = await self._principal(ctx, params)
        tasks = self._kernel.tasks
        try:
            asked = await tasks.open_questions(principal, params.task_id)
            answers = {
                key: _read(key, asked[key], response)
                for key, response in params.input_responses.items()
                if key in asked
            }
            await tasks.answer(principal, params.task_id, answers)
        except AgentOSError as error:
            raise _refusal(error) from error
        return EmptyResult()

    async def cancel(self, ctx: Context, params: TaskParams) -> EmptyResult:
        """End a task and stop its work; one that has ended stays as it is."""
        principal = await self._principal(ctx, params)
        try:
            await self._kernel.tasks.cancel(principal, params.task_id)
        except AgentOSError as error:
            raise _refusal(error) from error
        return EmptyResult()

    async def _principal(self, ctx: Context, params: TaskParams) -> Principal:
        if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            raise MCPError(METHOD_NOT_FOUND, "Method not found", ctx.method)
        if not takes_tasks(ctx):
            raise _extension_needed(ctx.method)
        _check_header(ctx, params.task_id)
        try:
            return await self._caller.principal(ctx)
        except AgentOSError as error:
            raise to_wire(error) from error

    def _wire_task(self, task: Task) -> dict[str, Any]:
        wired = _fields_of(task)
        if task.status == "input_required":
            wired["inputRequests"] = {
                key: wire_question(each).model_dump(by_alias=True, mode="json", exclude_none=True)
                for key, each in task.questions.items()
            }
        if task.result is not None:
            result = wire_result(self._kernel.tools.get(task.tool), task.result)
            wired["result"] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        if task.failure is not None:
            wired["error"] = _wire_failure(task.failure)
        return wired


def takes_tasks(ctx: Context) -> bool:
    """Whether the client declared the extension with this request."""
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return False
    known = ctx.session.client_capabilities
    return known is not None and EXTENSION in (known.extensions or {})


def askable(ctx: Context) -> frozenset[str]:
    """The kinds of questions that the client can answer."""
    known = ctx.session.client_capabilities
    return frozenset(each.capability for each in _KINDS if declares(known, each))


def require_tasks(ctx: Context, tool: Tool | None) -> None:
    """MCPError where a tool is only run as a task, and the client takes none."""
    if tool is not None and tool.task == "required" and not takes_tasks(ctx):
        raise _extension_needed(tool.name)


def created_task(task: Task) -> dict[str, Any]:
    """What answers a request in place of the result: the task's handle, and nothing of its state."""
    return {**_fields_of(task), "resultType": "task"}


def _fields_of(task: Task) -> dict[str, Any]:
    fields = {
        "taskId": task.id,
        "status": task.status,
        "createdAt": format_time(task.created_at),
        "lastUpdatedAt": format_time(task.updated_at),
        "ttlMs": task.ttl_ms,
        "pollIntervalMs": POLL_INTERVAL_MS,
    }
    return fields if task.message is None else {**fields, "statusMessage": task.message}


def _wire_failure(failure: TaskFailure) -> dict[str, Any]:
    data: dict[str, Any] = {"code": failure.code}
    if failure.call is not None:
        data["call"] = failure.call
    code = UNAUTHENTICATED if failure.code == RequestError.code else INTERNAL_ERROR
    if failure.capability is not None:
        code = MISSING_REQUIRED_CLIENT_CAPABILITY
        data["requiredCapabilities"] = needed_capability(failure.capability)
    return {"code": code, "message": failure.message, "data": data}


def _extension_needed(what: str) -> MCPError:
    return MCPError(
        MISSING_REQUIRED_CLIENT_CAPABILITY,
        f"{what} needs a client that declares the extension {EXTENSION}",
        {"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
    )


def _check_header(ctx: Context, task_id: str) -> None:
    """Over HTTP the header names the task, so that what stands between can route by it."""
    if ctx.request is not None:
        named = ctx.request.headers.get(MCP_NAME_HEADER)
        if named is None or decode_header_value(named) != task_id:
            raise MCPError(
                HEADER_MISMATCH,
                f"the {MCP_NAME_HEADER} header does not name the task of the request's `taskId`",
            )


def _read(key: str, question: Question, response: Any) -> Answer:
    try:
        return read_answer(question, response)
    except ValidationError:
        raise InvalidArgumentError(
            f"inputResponses[{key[:100]!r}] is no answer to {question.capability}"
        ) from None


def _refusal(error: AgentOSError) -> MCPError:
    if isinstance(error, NotFoundError | InvalidArgumentError):
        return MCPError(INVALID_PARAMS, error.message, {"code": error.code})
    return to_wire(error)
