"""Keeps what calls under a work order answered, so that a replay can serve it again.

Above: the kernel offers results after the call was answered; `agentos replay` reads them. Below:
SQL of `sql/results.sql`. A result lies under the digest that `call.finished` names, redacted, and
only up to a size. Keeping is best effort and costs the call nothing but a place in a queue: the
digest in the log is the record, this is a copy for people.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from agentos.calls import ToolCall, ToolResult
from agentos.clock import Clock
from agentos.database.pool import Database
from agentos.database.queries import Queries
from agentos.redaction import redact

MAX_QUEUED = 1_000
FLUSH_EVERY_S = 0.5
CLOSE_TIMEOUT_S = 3.0

_sql = Queries("agentos", "sql/results.sql")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeptResult:
    """What a call answered. `is_redacted` says that it is not what the digest was taken over."""

    sha256: str
    structured: dict[str, Any]
    is_redacted: bool

    @property
    def is_whole(self) -> bool:
        """Whether it is what was answered, byte for byte."""
        return self.is_redacted or result_digest(self.structured) == self.sha256


class ResultKeeper:
    """Stores results aside from the calls; full or broken, it drops them."""

    def __init__(self, database: Database, clock: Clock, max_bytes: int) -> None:
        self._database = database
        self._clock = clock
        self._max_bytes = max_bytes
        self._queue: list[dict[str, Any]] = []

    def offer(self, call: ToolCall, result: ToolResult) -> None:
        """Keep the result of a call under a work order, soon."""
        if (
            self._max_bytes
            and call.stream.startswith("work_order/")
            and not result.is_error
            and len(self._queue) < MAX_QUEUED
        ):
            self._queue.append(dict(result.structured))

    async def run(self) -> None:
        """Store what was offered, for as long as the task runs."""
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            await self._flush()

    async def close(self) -> None:
        """Store what is left."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._flush()
        except TimeoutError:
            _log.warning("results_not_kept", count=len(self._queue))

    def digest_of(self, structured: Mapping[str, Any]) -> str:
        """The digest under which a result would be on record."""
        return result_digest(dict(structured))

    async def find(self, sha256: str) -> KeptResult | None:
        """The result with that digest, or None where it was too large, too old or not kept."""
        row = await self._database.fetch_row(_sql.find_result, sha256)
        if row is None:
            return None
        return KeptResult(sha256, orjson.loads(row["result"]), row["is_redacted"])

    async def _flush(self) -> None:
        offered, self._queue = self._queue, []
        if not offered:
            return
        try:
            kept = await asyncio.to_thread(self._prepare, offered)
            if kept:
                async with self._database.connection() as connection:
                    await connection.execute(
                        _sql.keep_results,
                        *(list(column) for column in zip(*kept, strict=True)),
                        self._clock.now(),
                    )
        except Exception as error:  # noqa: BLE001 - a copy for people; the log has the digest
            _log.warning("results_not_kept", error=type(error).__name__, count=len(offered))

    def _prepare(self, offered: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
        kept: dict[str, tuple[str, str, bool]] = {}
        for structured in offered:
            text = _encoded(structured)
            if len(text) > self._max_bytes or b"\\u0000" in text:
                continue
            digest = hashlib.sha256(text).hexdigest()
            redacted = redact(structured)
            shown = text if redacted == structured else _encoded(redacted)
            kept[digest] = (digest, shown.decode(), shown != text)
        return list(kept.values())


def result_digest(structured: dict[str, Any]) -> str:
    """The digest under which `call.finished` names a result."""
    return hashlib.sha256(_encoded(structured)).hexdigest()


def _encoded(structured: dict[str, Any]) -> bytes:
    return orjson.dumps(structured, option=orjson.OPT_SORT_KEYS)
