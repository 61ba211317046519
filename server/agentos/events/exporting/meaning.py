"""What an event says in the terms that every security format has: who did what, and with what luck.

Above: ocsf, cef. Below: the event model. Unknown types keep their name and count as informational.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentos.events.model import Event

FAILED = ("call.refused", "work_order.failed", "work_order.gates_failed")
CREATED = ("created", "recorded", "issued", "requested")
DELETED = ("deleted", "cancelled", "revoked", "removed")
READ = ("verified", "replayed", "judged")


@dataclass(frozen=True, slots=True)
class Meaning:
    """An event in the words of a security log."""

    operation: str
    """The tool of a call, else the event's type."""
    verb: str
    """`create`, `read`, `update`, `delete` or `other`."""
    is_success: bool
    is_refusal: bool
    error_code: str | None
    message: str
    resource: str
    work_order: str | None
    call: str | None
    edge: str | None
    role: str | None
    rule: str | None
    arguments_sha256: str | None
    duration_ms: int | None


def meaning_of(event: Event) -> Meaning:
    """The meaning of any event; what it does not say is None."""
    data = event.data if isinstance(event.data, dict) else {}
    error = data.get("error") if isinstance(data.get("error"), dict) else {}
    assert isinstance(error, dict)
    has_failed = event.type in FAILED or data.get("outcome") == "error"
    rules = data.get("rules")
    rule = _text(error.get("rule")) or _text(data.get("rule"))
    if rule is None and isinstance(rules, list):
        rule = ",".join(str(item.get("rule")) for item in rules if isinstance(item, dict)) or None
    return Meaning(
        operation=_text(data.get("tool")) or event.type,
        verb=_verb(event.type),
        is_success=not has_failed,
        is_refusal=event.type == "call.refused" or data.get("verdict") == "deny",
        error_code=_text(error.get("code")),
        message=_text(error.get("message")) or _text(data.get("reason")) or event.type,
        resource=event.stream,
        work_order=_work_order(event.stream, data),
        call=_text(data.get("call")),
        edge=_text(data.get("edge")),
        role=_text(data.get("role")),
        rule=rule,
        arguments_sha256=_text(data.get("arguments_sha256")),
        duration_ms=_milliseconds(data.get("duration_ms")),
    )


def _verb(type: str) -> str:
    last = type.rpartition(".")[2]
    if last in CREATED:
        return "create"
    if last in DELETED:
        return "delete"
    if last in READ:
        return "read"
    return "other" if type.startswith("call.") else "update"


def _work_order(stream: str, data: dict[str, Any]) -> str | None:
    return _text(data.get("work_order")) or (
        stream.removeprefix("work_order/") if stream.startswith("work_order/") else None
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _milliseconds(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None
