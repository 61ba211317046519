"""What the kernel writes of every call: allowed, refused, finished; and remembered results.

Above: the pipeline. Below: the event writer and the call's own transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import asyncpg
import orjson

from agentos.asking import Answer
from agentos.calls import Principal, ToolCall, ToolResult, Verdict
from agentos.canonical import CanonicalObject, canonical_json
from agentos.clock import Clock
from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.database.transaction import Transaction
from agentos.errors import ConflictError, InvalidArgumentError, UnavailableError
from agentos.events.model import Event, EventType, NewEvent
from agentos.events.store import was_stored
from agentos.events.writer import EventWriter

MAX_RECORDED_ARGUMENTS_BYTES = 4_096
MAX_RECORDED_CLAIMS_BYTES = 4_096
MAX_RECORDED_TEXT_CHARS = 2_000
MAX_KEY_CHARS = 200
MAX_ADMITTING_CONNECTIONS = 3
MAX_ADMISSION_S = 30

CALL_EVENT_TYPES = (
    EventType(
        "call.allowed",
        "A tool call was admitted; stored before its body runs, or with the outcome of a short read.",
    ),
    EventType("call.refused", "A tool call was refused; its body did not run."),
    EventType("call.finished", "A tool body ended; stored before the caller gets the answer."),
    EventType("call.replayed", "A repeated write was answered with its first result."),
)

_sql = Queries("agentos")


class DuplicateCallError(ConflictError):
    """Another call under the same idempotency key was first; its result is the answer."""


def principal_stream(principal: Principal) -> str:
    """The stream of calls that belong to no work order."""
    return f"principal/{principal.name}"[:200]


class CallRecorder:
    """Stores the decisions and outcomes of calls, durable when the methods return."""

    def __init__(self, database: Database, writer: EventWriter, clock: Clock) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._admitting = asyncio.Semaphore(MAX_ADMITTING_CONNECTIONS)

    async def allowed(self, call: ToolCall, verdicts: list[Verdict]) -> None:
        """The record without which no tool body runs, together with what admission uses up."""
        if not call.admissions:
            await self._writer.submit(self.allowed_event(call, verdicts))
            return
        deadline = time.monotonic() + MAX_ADMISSION_S
        while not await self._try_to_admit(call, verdicts):
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"others held for {MAX_ADMISSION_S} s what admitting the call needs",
                    remedy="repeat the call",
                )

    async def _try_to_admit(self, call: ToolCall, verdicts: list[Verdict]) -> bool:
        """False where another call holds a lock for long: wait without a connection then."""
        async with self._admitting:
            transaction = await call.kernel.open_transaction()
            try:
                await transaction.execute(_sql.limit_lock_wait)
                for admit in call.admissions:
                    await admit(transaction)
                (stored,) = await transaction.append(self.allowed_event(call, verdicts))
            except asyncpg.LockNotAvailableError:
                await transaction.rollback()
                return False
            except BaseException:
                await transaction.rollback()
                raise
            await self._commit(transaction, stored)
        return True

    async def _commit(self, transaction: Transaction, stored: Event) -> None:
        try:
            await transaction.commit()
        except UnavailableError:
            if not await was_stored(self._database, stored):
                raise

    def allowed_event(self, call: ToolCall, verdicts: list[Verdict]) -> NewEvent:
        """The event that `allowed` stores."""
        data = _description(call)
        data["rules"] = [{"rule": v.rule, "contract_version": v.contract_version} for v in verdicts]
        return self._event(call, "call.allowed", data)

    async def refused(self, call: ToolCall, result: ToolResult) -> None:
        """The record of a refusal, with what the caller was told."""
        data = _description(call)
        data["error"] = _bounded(result.structured["error"])
        await self._writer.submit(self._event(call, "call.refused", data))

    async def refused_unknown(
        self, call_id: str, tool: str, principal: Principal, edge: str, result: ToolResult
    ) -> None:
        """The record of a call that named no tool or whose arguments cannot be read."""
        data = {
            "call": call_id,
            "tool": tool[:200].encode("utf-8", "replace").decode().replace("\x00", "?"),
            "edge": edge,
            "role": principal.role.value,
            "error": _bounded(result.structured["error"]),
        }
        if principal.via is not None:
            data["via"] = principal.via.name
        event = NewEvent(
            principal_stream(principal), "call.refused", principal.name, self._clock.now(), data
        )
        await self._writer.submit(event)

    async def finished(
        self,
        call: ToolCall,
        result: ToolResult,
        duration_ms: int,
        admission: NewEvent | None = None,
    ) -> None:
        """The outcome; inside the call's transaction where it has one, which is then committed.

        `admission` is the record of the admission where that is not stored yet.

        The remembered result of an idempotency key is part of the same transaction.
        """
        event = self.finished_event(call, result, duration_ms)
        events = [event] if admission is None else [admission, event]
        is_remembered = _is_repeatable(call) and not result.is_error
        transaction = await call.begin() if is_remembered else call.transaction
        is_kept = call.task is not None and call.task.is_task and not result.is_error
        if transaction is None and is_kept:
            transaction = call.transaction = await call.kernel.open_transaction()
        if transaction is None:
            await self._writer.submit(*events)
            return
        *_, stored = await transaction.append(*events)
        if is_remembered:
            await self._remember(call, transaction, result)
        if is_kept and call.task is not None:
            await call.task.keep(transaction, result)
        await self._commit(transaction, stored)

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
        if call.answers:
            data["answers"] = {name: _description_of(each) for name, each in call.answers.items()}
        if call.cost_usd is not None:
            data["cost_usd"] = call.cost_usd
        return self._event(call, "call.finished", data)

    async def find_replay(self, call: ToolCall) -> ToolResult | None:
        """The first result under the call's idempotency key, with the id of the first call.

        ConflictError for another tool or other arguments.
        """
        if not _is_repeatable(call):
            return None
        row = await self._database.fetch_row(
            _sql.find_idempotent_result, call.principal.name, call.idempotency_key
        )
        if row is None:
            return None
        asked = (call.principal.role, call.tool.name, call.arguments_sha256)
        if (row["role"], row["tool"], row["arguments_sha256"]) != asked:
            raise ConflictError(
                "this idempotency key was used for another call",
                remedy="use a fresh key for different arguments",
            )
        first = orjson.loads(row["result"])
        return ToolResult(first["structured"], first["text"], call_id=row["call"])

    async def replayed(self, call: ToolCall, first: ToolResult) -> None:
        """The record of a repeated write that is answered with its first result."""
        data = {"call": call.id, "tool": call.tool.name, "first_call": first.call_id}
        if call.principal.via is not None:
            data["via"] = call.principal.via.name
        await self._writer.submit(self._event(call, "call.replayed", data))

    async def refuse_second_use(self, call: ToolCall, transaction: Transaction) -> None:
        """Wait for calls under the same idempotency key; DuplicateCallError if one was done."""
        if not _is_repeatable(call):
            return
        key = (call.principal.name, call.idempotency_key)
        await transaction.execute(_sql.lock_idempotency_key, *key)
        if await transaction.fetch_row(_sql.find_idempotent_result, *key) is not None:
            raise DuplicateCallError("another call under this idempotency key was first")

    async def _remember(self, call: ToolCall, transaction: Transaction, result: ToolResult) -> None:
        text = orjson.dumps({"structured": dict(result.structured), "text": result.text}).decode()
        try:
            await transaction.execute(
                _sql.insert_idempotent_result,
                call.principal.name,
                call.principal.role.value,
                call.idempotency_key,
                call.tool.name,
                call.arguments_sha256,
                text,
                call.id,
                self._clock.now(),
            )
        except asyncpg.UniqueViolationError as error:
            raise DuplicateCallError("another call under this idempotency key was first") from error

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
    if len(call.arguments_json) <= MAX_RECORDED_ARGUMENTS_BYTES:
        data["arguments"] = CanonicalObject(call.arguments, call.arguments_json)
    if call.principal.client is not None:
        data["client"] = call.principal.client
    if call.principal.via is not None:
        data["via"] = call.principal.via.name
    if call.claims:
        data["claims"] = _recordable_claims(call.claims)
    if call.decision is not None:
        data["decision"] = call.decision
    return data


def _is_repeatable(call: ToolCall) -> bool:
    return call.idempotency_key is not None and not call.tool.is_read_only


def _recordable_claims(claims: Mapping[str, Any]) -> dict[str, Any]:
    """The claims, or why they are not recorded: nothing a client says may keep a record out."""
    # A client says the same with every call.
    if all(type(text) is str and len(text) <= MAX_KEY_CHARS for text in claims.values()):
        return _recordable_texts(tuple(claims.items()))
    return _recordable(claims)


@lru_cache(1_024)
def _recordable_texts(claims: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return _recordable(dict(claims))


def _recordable(claims: Mapping[str, Any]) -> dict[str, Any]:
    try:
        text = canonical_json(dict(claims))
    except InvalidArgumentError:
        return {"unrecorded": "not expressible in canonical JSON"}
    if len(text) > MAX_RECORDED_CLAIMS_BYTES:
        return {"unrecorded": f"more than {MAX_RECORDED_CLAIMS_BYTES} bytes"}
    if b"\\u0000" in text:
        return {"unrecorded": "contains NUL"}
    return CanonicalObject(claims, text)


def _bounded(error: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value[:MAX_RECORDED_TEXT_CHARS] if isinstance(value, str) else value
        for key, value in error.items()
    }


def _description_of(answer: Answer) -> dict[str, Any]:
    """That a client answered, and a digest by which what it said can be recognised."""
    message = answer.message.model_dump(mode="json") if answer.message is not None else None
    said = [dict(answer.content), message, answer.model, answer.roots]
    # Unlike orjson, of integers of any size: nothing a client says may keep a record out.
    encoded = json.dumps(said, sort_keys=True).encode()
    return {"action": answer.action, "sha256": hashlib.sha256(encoded).hexdigest()}


def _result_digest(result: ToolResult) -> str:
    encoded = orjson.dumps(dict(result.structured), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(encoded).hexdigest()


def short_text(field: str, text: str | None) -> str | None:
    """What a client said under a key of `_meta`; InvalidArgumentError where it is no short text."""
    if text is None:
        return None
    is_text = isinstance(text, str) and text.isprintable()
    if not is_text or not 1 <= len(text) <= MAX_KEY_CHARS:
        raise InvalidArgumentError(
            f"_meta[{field!r}] must be 1 to {MAX_KEY_CHARS} printable characters"
        )
    return text
