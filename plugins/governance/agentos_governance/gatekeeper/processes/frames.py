"""What a server and a process of checks say to each other over their socket.

Above: lanes in the server, session in the process. Below: nothing. The process believes the
server, which sends pickles; the server believes nothing: it reads JSON of bounded size, and takes
only the shapes that it knows, since a file that breaks a parser may speak through it.
"""

from __future__ import annotations

import json
import pickle
import struct
from asyncio import StreamReader
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentos import Finding
from agentos_governance.gatekeeper.finding import as_document

MAX_SAID_BYTES = 8 << 20
"""Of one message of a process."""
MAX_FINDINGS = 200
"""Of one check; the worst are kept."""
MAX_TEXT_CHARS = 20_000
"""Of a message, claim or path before it is made fit to be shown."""
MAX_REASON_CHARS = 8_000
_LENGTH = struct.Struct(">Q")
SEVERITIES = ("blocking", "warning", "note")
"""Worst first."""
_REACH = {
    "symbols": int, "files": int, "modules": int, "tests": int, "untested": int,
    "untested_paths": list, "is_current": bool,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class QuestionOrder:
    """To a process: put together what a model is asked about the work."""

    suspicions: tuple[Finding, ...]
    max_chars: int


class UnreadableAnswerError(Exception):
    """A process said something that no check says."""


def pack_order(order: object) -> bytes:
    """A message of the server."""
    content = pickle.dumps(order, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(content)) + content


async def receive_order(reader: StreamReader) -> Any:
    """The server's next message; asyncio's IncompleteReadError where it is gone."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))


def pack_said(document: Mapping[str, Any]) -> bytes:
    """A message of the process; paths that are no text survive as escapes."""
    content = json.dumps(document).encode("ascii")
    return _LENGTH.pack(len(content)) + content


async def receive_said(reader: StreamReader) -> dict[str, Any]:
    """The process's next message.

    UnreadableAnswerError where it is none, asyncio's IncompleteReadError where the process is gone.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > MAX_SAID_BYTES:
        raise UnreadableAnswerError(f"a message of {length} bytes")
    try:
        document = json.loads(await reader.readexactly(length))
    except (ValueError, RecursionError):
        raise UnreadableAnswerError("a message that is no JSON") from None
    if not isinstance(document, dict):
        raise UnreadableAnswerError("a message that is no object")
    return document


def texts_of(value: object) -> list[str]:
    """`value` as a list of texts, or UnreadableAnswerError."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UnreadableAnswerError("no list of texts")
    return value


def text_of(value: object) -> str:
    """`value` as a text, or UnreadableAnswerError."""
    if not isinstance(value, str):
        raise UnreadableAnswerError("no text")
    return value[:MAX_REASON_CHARS]


def document_of(finding: Finding) -> dict[str, Any]:
    """A finding as `findings_of` reads it."""
    document = as_document(finding)
    return {k: v[:MAX_TEXT_CHARS] if isinstance(v, str) else v for k, v in document.items()}


def findings_of(value: object, check: str) -> list[Finding]:
    """What a check found, every field of the type that it has; UnreadableAnswerError else."""
    if not isinstance(value, list) or len(value) > MAX_FINDINGS:
        raise UnreadableAnswerError("no list of findings")
    return [_finding_of(each, check) for each in value]


def _finding_of(value: object, check: str) -> Finding:
    if not isinstance(value, dict) or value.get("severity") not in SEVERITIES:
        raise UnreadableAnswerError("no finding")
    if value.get("check") != check:
        raise UnreadableAnswerError(f"a finding of {str(value.get('check'))[:60]!r}")
    message = _optional(value.get("message"))
    if message is None:
        raise UnreadableAnswerError("a finding without a message")
    return Finding(
        check=check,
        severity=value["severity"],
        message=message,
        claim=_optional(value.get("claim")),
        path=_optional(value.get("path")),
        start_line=_line(value.get("start_line")),
        end_line=_line(value.get("end_line")),
    )


def _optional(value: object) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= MAX_TEXT_CHARS):
        return value
    raise UnreadableAnswerError("no text of a finding")


def _line(value: object) -> int | None:
    if value is None or (type(value) is int and 0 <= value < 1 << 31):
        return value
    raise UnreadableAnswerError("no number of a line")


def reach_of(value: object) -> Mapping[str, object] | None:
    """What a change may break, as blast_radius_covered says it; UnreadableAnswerError else."""
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != set(_REACH):
        raise UnreadableAnswerError("no blast radius")
    if any(type(value[name]) is not kind for name, kind in _REACH.items()):
        raise UnreadableAnswerError("no blast radius")
    texts_of(value["untested_paths"])
    return value


def batches(items: Sequence[Any], sizes: Sequence[int], limit: int) -> list[Sequence[Any]]:
    """The items in their order, in runs of at most `limit` together, or of one."""
    found: list[Sequence[Any]] = []
    start = total = 0
    for at, size in enumerate(sizes):
        if at > start and total + size > limit:
            found.append(items[start:at])
            start, total = at, 0
        total += size
    if len(items) > start:
        found.append(items[start:])
    return found
