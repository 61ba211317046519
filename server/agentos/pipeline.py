"""The one way to a tool body: record, authorize, reserve, run (DESIGN section 2).

A Pipeline is composed once per tool at start. No body runs without a stored allow record; a
middleware that raises refuses the call, or rolls back what the body did; a call whose record
cannot be stored does not run, and one whose outcome cannot be stored is not answered as done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import anyio
import orjson
import structlog
from pydantic import BaseModel

from agentos.calls import Effect, ToolCall, ToolResult, Verdict
from agentos.errors import (
    AgentOSError,
    ApprovalRequiredError,
    CallRefusedError,
    LimitExceededError,
    PluginError,
    ToolError,
    UnavailableError,
)
from agentos.middleware import Authorizer, CallNext, Middleware, Wrapper
from agentos.records import CallRecorder
from agentos.tools import MAX_TEXT_CHARS, Tool

_log = structlog.get_logger(__name__)


class CallMetrics(Protocol):
    """Where finished calls are counted."""

    def observe_call(self, tool: str, error_code: str | None, duration_s: float) -> None:
        """Count one call of a tool; `error_code` is None on success."""
        ...


@dataclass(slots=True)
class _Progress:
    """How far one call got, for the decision between "refused" and "finished"."""

    verdicts: list[Verdict] = field(default_factory=list)
    is_admitted: bool = False


class Pipeline:
    """Runs the calls of one tool."""

    def __init__(
        self,
        tool: Tool,
        wrappers: Sequence[Wrapper],
        recorder: CallRecorder,
        metrics: CallMetrics,
    ) -> None:
        self.tool = tool
        self._recorder = recorder
        self._metrics = metrics
        self._authorizers = [w.decide for w in wrappers if isinstance(w, Authorizer)]
        self._middlewares = sorted(
            (w for w in wrappers if isinstance(w, Middleware)), key=lambda w: w.layer
        )

    async def run(self, call: ToolCall) -> ToolResult:
        """Take one call through every step; refusals and failures come back as results."""
        started = time.perf_counter()
        result = await self._run(call, started)
        self._metrics.observe_call(self.tool.name, result.error_code, time.perf_counter() - started)
        return result

    async def _run(self, call: ToolCall, started: float) -> ToolResult:
        progress = _Progress()
        try:
            replay = await self._recorder.find_replay(call)
            if replay is not None:
                return replay
            progress.verdicts = await self.authorize(call)
            result = await self._compose(progress)(call)
            await self._recorder.finished(call, result, _elapsed_ms(started))
            return result
        except asyncio.CancelledError:
            # The edges cancel through anyio, which cancels every further await as well.
            with anyio.CancelScope(shield=True):
                await asyncio.shield(self._abandon(call, progress, started))
            raise
        except Exception as error:
            return await self._fail(call, progress, _as_tool_error(error, call), started)

    async def authorize(self, call: ToolCall) -> list[Verdict]:
        """The verdicts that admit the call; CallRefusedError where nobody allows or one denies."""
        verdicts = [v for decide in self._authorizers if (v := await decide(call)) is not None]
        for verdict in verdicts:
            if verdict.effect is Effect.DENY:
                raise _refusal(verdict)
        for verdict in verdicts:
            if verdict.effect is Effect.ASK:
                raise _approval(verdict)
        if not verdicts:
            raise CallRefusedError(
                f"no contract admits {call.tool.name} for {call.principal.name}",
                rule="default_deny",
                remedy="claim a work order whose contract allows this tool",
            )
        return verdicts

    def _compose(self, progress: _Progress) -> CallNext:
        async def admit_and_run(call: ToolCall) -> ToolResult:
            await self._recorder.allowed(call, progress.verdicts)
            progress.is_admitted = True
            return await self._run_body(call)

        call_next: CallNext = admit_and_run
        for middleware in reversed(self._middlewares):
            call_next = _surround(middleware, call_next)
        return call_next

    async def _run_body(self, call: ToolCall) -> ToolResult:
        try:
            async with asyncio.timeout(self.tool.timeout_s) as deadline:
                model = await self.tool.body(call, **call.body_arguments())
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise UnavailableError(
                f"{self.tool.name} did not finish within {self.tool.timeout_s:g} s",
                remedy="narrow the call, or repeat it when the server is less busy",
            ) from error
        return _result_of(self.tool, model, call.id)

    async def _fail(
        self, call: ToolCall, progress: _Progress, error: ToolError, started: float
    ) -> ToolResult:
        await _roll_back(call)
        result = ToolResult.from_error(error, call.id)
        try:
            if progress.is_admitted:
                await self._recorder.finished(call, result, _elapsed_ms(started))
            else:
                await self._recorder.refused(call, error)
        except ToolError as unstored:
            _log.error("outcome_not_stored", call=call.id, tool=self.tool.name, code=unstored.code)
            return ToolResult.from_error(unstored, call.id)
        return result

    async def _abandon(self, call: ToolCall, progress: _Progress, started: float) -> None:
        error = UnavailableError("the caller cancelled the call")
        await self._fail(call, progress, error, started)


def _surround(middleware: Middleware, call_next: CallNext) -> CallNext:
    async def surrounded(call: ToolCall) -> ToolResult:
        return await middleware.handle(call, call_next)

    return surrounded


async def _roll_back(call: ToolCall) -> None:
    transaction, call.transaction = call.transaction, None
    if transaction is not None:
        await transaction.rollback()


def _refusal(verdict: Verdict) -> CallRefusedError:
    return CallRefusedError(
        verdict.reason,
        rule=verdict.rule,
        contract_version=verdict.contract_version,
        remedy=verdict.remedy,
    )


def _approval(verdict: Verdict) -> ApprovalRequiredError:
    return ApprovalRequiredError(
        verdict.reason,
        rule=verdict.rule,
        review_id=verdict.review_id,
        contract_version=verdict.contract_version,
        remedy=verdict.remedy,
    )


def _result_of(tool: Tool, model: BaseModel, call_id: str) -> ToolResult:
    if not isinstance(model, tool.result):
        raise PluginError(
            f"{tool.name} returned {type(model).__name__}, not {tool.result.__name__}"
        )
    structured: dict[str, Any] = model.model_dump(mode="json")
    encoded = orjson.dumps(structured)
    if len(encoded) > tool.max_result_bytes:
        raise LimitExceededError(
            f"the result of {tool.name} is {len(encoded)} bytes; the limit is "
            f"{tool.max_result_bytes}",
            remedy="ask for less: a smaller limit, a narrower filter, or the next page",
        )
    text = encoded.decode()
    if len(text) > MAX_TEXT_CHARS:
        text = text[:MAX_TEXT_CHARS] + "... (cut; the structured content is whole)"
    return ToolResult(structured, text, call_id=call_id)


def _as_tool_error(error: Exception, call: ToolCall) -> ToolError:
    if isinstance(error, ToolError):
        return error
    _log.error("call_failed", call=call.id, tool=call.tool.name, exc_info=error)
    if isinstance(error, AgentOSError):
        message = f"{call.tool.name} failed: a plugin broke its contract"
    else:
        message = f"{call.tool.name} failed with an internal error"
    return CallRefusedError(
        f"{message}; the log has it under call {call.id}",
        rule="fail_closed",
        remedy="report the call id to whoever runs the server",
    )


def _elapsed_ms(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
