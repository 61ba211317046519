"""What the kernel writes of every call: allowed, refused, finished; and remembered results.

Above: the pipeline. Below: the event writer and the call's own transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson

from agentos.calls import Principal, ToolCall, ToolResult, Verdict
from agentos.clock import Clock
from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.errors import ConflictError, ToolError
from agentos.events.model import EventType, NewEvent
from agentos.events.writer import EventWriter

MAX_RECORDED_ARGUMENTS_BYTES = 4_096
MAX_RECORDED_TEXT_CHARS = 2_000
MAX_KEY_CHARS = 200

CALL_EVENT_TYPES = (
    EventType("call.allowed", "A tool call was admitted; stored before its body runs."),
    EventType("call.refused", "A tool call was refused; its body did not run."),
    EventType("call.finished", "A tool body ended; stored before the caller gets the answer."),
    EventType("call.replayed", "A repeated write was answered with its first result."),
)

_sql = Queries("agentos")


def principal_stream(principal: Principal) -> str:
    """The stream of calls that belong to no work order."""
    return f"principal/{principal.name}"[:200]


class CallRecorder:
    """Stores the decisions and outcomes of calls, durable when the methods return."""

    def __init__(self, database: Database, writer: EventWriter, clock: Clock) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock

    async def allowed(self, call: ToolCall, verdicts: list[Verdict]) -> None:
        """The record without which no tool body runs."""
        await self._writer.submit(self.allowed_event(call, verdicts))

    def allowed_event(self, call: ToolCall, verdicts: list[Verdict]) -> NewEvent:
        """The event that `allowed` stores."""
        data = _description(call)
        data["rules"] = [{"rule": v.rule, "contract_version": v.contract_version} for v in verdicts]
        return self._event(call, "call.allowed", data)

    async def refused(self, call: ToolCall, error: ToolError) -> None:
        """The record of a refusal, with what the caller was told."""
        data = _description(call)
        data["error"] = _bounded(error.to_error())
        await self._writer.submit(self._event(call, "call.refused", data))

    async def refused_unknown(
        self, call_id: str, tool: str, principal: Principal, edge: str, error: ToolError
    ) -> None:
        """The record of a call that named no tool or whose arguments cannot be read."""
        data = {
            "call": call_id,
            "tool": tool[:200].encode("utf-8", "replace").decode().replace("\x00", "?"),
            "edge": edge,
            "role": principal.role.value,
            "error": _bounded(error.to_error()),
        }
        event = NewEvent(
            principal_stream(principal), "call.refused", principal.name, self._clock.now(), data
        )
        await self._writer.submit(event)

    async def finished(self, call: ToolCall, result: ToolResult, duration_ms: int) -> None:
        """The outcome; inside the call's transaction where it has one, which is then committed.

        The remembered result of an idempotency key is part of the same transaction.
        """
        event = self.finished_event(call, result, duration_ms)
        transaction = call.transaction
        if transaction is None:
            await self._writer.submit(event)
            return
        await transaction.append(event)
        if call.idempotency_key is not None:
            await self._remember(call, result)
        await transaction.commit()

    def finished_event(self, call: ToolCall, result: ToolResult, duration_ms: int) -> NewEvent:
        """The event that `finished` stores."""
        data: dict[str, Any] = {
            "call": call.id,
            "tool": call.tool.name,
            "outcome": "error" if result.is_error else "ok",
            "duration_ms": duration_ms,
        }
        if result.is_error:
            data["error"] = _bounded(result.structured["error"])
        else:
            data["result_sha256"] = _result_digest(result)
        if call.cost_usd is not None:
            data["cost_usd"] = call.cost_usd
        return self._event(call, "call.finished", data)

    async def find_replay(self, call: ToolCall) -> ToolResult | None:
        """The first result under the call's idempotency key; ConflictError for other arguments."""
        if call.idempotency_key is None or call.tool.is_read_only:
            return None
        row = await self._database.fetch_row(
            _sql.find_idempotent_result, call.principal.name, call.idempotency_key
        )
        if row is None:
            return None
        if (row["tool"], row["arguments_sha256"]) != (call.tool.name, call.arguments_sha256):
            raise ConflictError(
                "this idempotency key was used for another call",
                remedy="use a fresh key for different arguments",
            )
        await self._writer.submit(
            self._event(
                call,
                "call.replayed",
                {"call": call.id, "tool": call.tool.name, "first_call": row["call"]},
            )
        )
        first = orjson.loads(row["result"])
        return ToolResult(first["structured"], first["text"], call_id=row["call"])

    async def _remember(self, call: ToolCall, result: ToolResult) -> None:
        assert call.transaction is not None
        text = orjson.dumps({"structured": dict(result.structured), "text": result.text}).decode()
        try:
            await call.transaction.execute(
                _sql.insert_idempotent_result,
                call.principal.name,
                call.idempotency_key,
                call.tool.name,
                call.arguments_sha256,
                text,
                call.id,
                self._clock.now(),
            )
        except asyncpg.UniqueViolationError as error:
            raise ConflictError(
                "the same call is being made twice at once",
                remedy="repeat it with the same idempotency key to get the first result",
            ) from error

    def _event(self, call: ToolCall, type: str, data: Mapping[str, Any]) -> NewEvent:
        return NewEvent(call.stream, type, call.principal.name, self._clock.now(), data)


def _description(call: ToolCall) -> dict[str, Any]:
    data: dict[str, Any] = {
        "call": call.id,
        "tool": call.tool.name,
        "edge": call.edge,
        "role": call.principal.role.value,
        "arguments_sha256": call.arguments_sha256,
    }
    if call.work_order is not None:
        data["work_order"] = call.work_order
    encoded = orjson.dumps(call.arguments)
    if len(encoded) <= MAX_RECORDED_ARGUMENTS_BYTES:
        data["arguments"] = call.arguments
    if call.claims:
        data["claims"] = dict(call.claims)
    return data


def _bounded(error: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value[:MAX_RECORDED_TEXT_CHARS].replace("\x00", "?")
        if isinstance(value, str)
        else value
        for key, value in error.items()
    }


def _result_digest(result: ToolResult) -> str:
    encoded = orjson.dumps(dict(result.structured), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(encoded).hexdigest()
