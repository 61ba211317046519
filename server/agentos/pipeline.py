"""The one way to a tool body: record, authorize, reserve, run (DESIGN section 2).

A Pipeline is composed once per tool at start. No body runs without a stored allow record, but for
short reads that store it with their outcome (`records_once`), before anybody gets the answer; a
middleware that raises refuses the call, or rolls back what the body did; a call whose record
cannot be stored does not run, and one whose outcome cannot be stored is not answered as done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import anyio
import asyncpg
import orjson
import structlog
from pydantic import BaseModel

from agentos.calls import Effect, ToolCall, ToolResult, Verdict
from agentos.current_call import running_body
from agentos.database.pool import is_connection_lost
from agentos.errors import (
    AgentOSError,
    ApprovalRequiredError,
    CallRefusedError,
    ConflictError,
    LimitExceededError,
    PluginError,
    ToolError,
    UnavailableError,
)
from agentos.events.model import NewEvent
from agentos.events.store import OutcomeUnknownError
from agentos.middleware import Authorizer, CallNext, Middleware, Wrapper
from agentos.records import CallRecorder, DuplicateCallError
from agentos.tools import MAX_TEXT_CHARS, Tool

T = TypeVar("T")

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
    has_entered: bool = False
    is_admitted: bool = False
    unstored: NewEvent | None = None
    """The record of the admission where it is stored with the outcome."""


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
        self._replay_judges = [
            w.judge_replay for w in wrappers if isinstance(w, Authorizer) and w.judge_replay
        ]
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
            first = await self._find_replay(call)
            if first is None:
                progress.verdicts = await self.authorize(call)
                result = await self._compose(call, progress)(call)
        except asyncio.CancelledError:
            error = UnavailableError("the caller cancelled the call")
            await _uninterrupted(self._fail(call, progress, error, started))
            raise
        except Exception as error:
            return await _uninterrupted(self._fail(call, progress, error, started))
        # From here a record is on its way, and a caller that gives up must not cause another one.
        if first is not None:
            return await _uninterrupted(self._replay(call, first))
        return await _uninterrupted(self._finish(call, progress, result, started))

    async def _find_replay(self, call: ToolCall) -> ToolResult | None:
        first = await self._recorder.find_replay(call)
        if first is not None and first.call_id is not None:
            for judge in self._replay_judges:
                await judge(call, first.call_id)
        return first

    async def authorize(self, call: ToolCall) -> list[Verdict]:
        """The verdicts that admit the call; CallRefusedError where nobody allows or one denies."""
        verdicts = []
        denial: Verdict | None = None
        question: Verdict | None = None
        for decide in self._authorizers:
            verdict = await decide(call)
            if verdict is None:
                continue
            verdicts.append(verdict)
            if verdict.effect is Effect.DENY:
                denial = denial or verdict
            elif verdict.effect is Effect.ASK:
                question = question or verdict
            elif verdict.effect is not Effect.ALLOW:
                raise PluginError("an authorizer returned a verdict without a known effect")
        # Only now: every authorizer has seen the call, and may have placed its record.
        if denial is not None:
            raise _refusal(denial)
        if question is not None:
            raise _approval(question)
        if not verdicts:
            raise CallRefusedError(
                f"no contract admits {call.tool.name} for {call.principal.name}",
                rule="default_deny",
                remedy="claim a work order whose contract allows this tool",
            )
        return verdicts

    def _compose(self, call: ToolCall, progress: _Progress) -> CallNext:
        async def admit_and_run(passed: ToolCall) -> ToolResult:
            if passed is not call or progress.has_entered:
                raise PluginError("a middleware must pass on the call it got, and once")
            progress.has_entered = True
            await self._admit(call, progress)
            try:
                return await self._run_body(call)
            except BaseException:
                # A middleware may answer in the body's place; what the body wrote is gone then.
                await _roll_back(call)
                raise

        call_next: CallNext = admit_and_run
        for middleware in reversed(self._middlewares):
            call_next = _surround(middleware, call_next)
        return call_next

    async def _admit(self, call: ToolCall, progress: _Progress) -> None:
        if self.tool.records_once and not call.admissions and call.task is None:
            progress.unstored = self._recorder.allowed_event(call, progress.verdicts)
            progress.is_admitted = True
            return

        async def store() -> None:
            await self._recorder.allowed(call, progress.verdicts)
            progress.is_admitted = True
            if call.task is not None:
                call.task.admitted(call)

        # What admission uses up is used up once: a caller that gives up must not lose the record.
        await (_uninterrupted(store()) if call.admissions else store())

    async def _run_body(self, call: ToolCall) -> ToolResult:
        try:
            async with asyncio.timeout(self.tool.timeout_s) as deadline:
                call.deadline = deadline
                with running_body(call):
                    model = await self.tool.body(call, **call.body_arguments())
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise UnavailableError(
                f"{self.tool.name} did not finish within {self.tool.timeout_s:g} s",
                remedy="narrow the call, or repeat it when the server is less busy",
            ) from error
        return _result_of(self.tool, model, call.id)

    async def _finish(
        self, call: ToolCall, progress: _Progress, result: ToolResult, started: float
    ) -> ToolResult:
        try:
            if result.is_error:
                return await self._record_error(call, progress, result, started)
            if not progress.is_admitted:
                await self._admit(call, progress)
            await self._recorder.finished(call, result, _elapsed_ms(started), progress.unstored)
        except OutcomeUnknownError as unknown:
            return _unrecorded(call, unknown)
        except Exception as error:
            return await self._fail(call, progress, error, started)
        return result

    async def _fail(
        self, call: ToolCall, progress: _Progress, error: Exception, started: float
    ) -> ToolResult:
        try:
            if isinstance(error, DuplicateCallError):
                await _roll_back(call)
                first = await self._find_replay(call)
                if first is not None:
                    return await self._replay(call, first)
        except Exception as conflict:
            error = conflict
        result = ToolResult.from_error(_as_tool_error(error, call), call.id)
        return await self._record_error(call, progress, result, started)

    async def _record_error(
        self, call: ToolCall, progress: _Progress, result: ToolResult, started: float
    ) -> ToolResult:
        await _roll_back(call)
        try:
            if progress.is_admitted:
                await self._recorder.finished(call, result, _elapsed_ms(started), progress.unstored)
            else:
                await self._recorder.refused(call, result)
        except Exception as unstored:
            return _unrecorded(call, unstored)
        return result

    async def _replay(self, call: ToolCall, first: ToolResult) -> ToolResult:
        try:
            await self._recorder.replayed(call, first)
        except Exception as unstored:
            return _unrecorded(call, unstored)
        return first


async def _uninterrupted(step: Coroutine[Any, Any, T]) -> T:
    """Take a step to its end although the caller is cancelled; the cancellation goes on then."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        # The edges cancel through anyio, which cancels every further await as well.
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
        raise


def _unrecorded(call: ToolCall, error: Exception) -> ToolResult:
    _log.error("outcome_not_stored", call=call.id, tool=call.tool.name, error=type(error).__name__)
    return ToolResult.from_error(_as_tool_error(error, call), call.id)


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
    if is_connection_lost(error):
        return UnavailableError("the database connection was lost", remedy="repeat the call")
    if isinstance(error, asyncpg.DeadlockDetectedError | asyncpg.SerializationError):
        return ConflictError("others changed the same things meanwhile", remedy="repeat the call")
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
