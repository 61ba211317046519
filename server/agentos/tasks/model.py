"""What a task is to whoever asks for it.

Above: the edge that publishes it. Below: questions of `agentos.asking`, results of calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson

from agentos.asking import CannotAskError, Question
from agentos.calls import ToolResult
from agentos.errors import AgentOSError

TaskStatus = Literal["working", "input_required", "completed", "failed", "cancelled"]
"""`completed` holds a result, be it an error of the tool; `failed` says why there is none."""


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """Why a task has no result."""

    code: str
    message: str
    call: str | None = None
    """The call in the log that tells more."""
    capability: str | None = None
    """What the client would have to declare."""

    @classmethod
    def of(cls, error: AgentOSError, call: str | None) -> TaskFailure:
        """The failure that an error of the dispatch is."""
        needed = error.capability if isinstance(error, CannotAskError) else None
        return cls(error.code, error.message, call, needed)


@dataclass(frozen=True, slots=True)
class Task:
    """A task as its principal sees it."""

    id: str
    tool: str
    status: TaskStatus
    message: str | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    questions: Mapping[str, Question]
    """What its client has to answer before it goes on, by key."""
    result: ToolResult | None = None
    failure: TaskFailure | None = None

    @property
    def ttl_ms(self) -> int:
        """How long it is kept, counted from its creation."""
        return round((self.expires_at - self.created_at).total_seconds() * 1000)


def encode_result(result: ToolResult) -> str:
    """A result as it is kept."""
    kept = {"structured": dict(result.structured), "text": result.text, "call": result.call_id}
    return orjson.dumps({**kept, "is_error": result.is_error}).decode()


def decode_result(text: str) -> ToolResult:
    """The result that `encode_result` kept."""
    kept: dict[str, Any] = orjson.loads(text)
    return ToolResult(kept["structured"], kept["text"], kept["is_error"], kept["call"])


def encode_failure(failure: TaskFailure) -> str:
    """A failure as it is kept."""
    return orjson.dumps(failure).decode()


def decode_failure(text: str) -> TaskFailure:
    """The failure that `encode_failure` kept."""
    return TaskFailure(**orjson.loads(text))
