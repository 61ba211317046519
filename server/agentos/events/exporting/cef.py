"""Events as lines of the Common Event Format, version 0 (ArcSight), for SIEMs that read CEF.

Above: export. Below: meaning. In the header, backslash and pipe are escaped; in the extension,
backslash, equals sign and line breaks. Every other control character becomes a space, so that one
event is one line. Source: Implementing ArcSight CEF, revision 25.
"""

from __future__ import annotations

import re

import orjson

from agentos._version import __version__
from agentos.events.exporting.meaning import meaning_of
from agentos.events.model import Event

LOW, MEDIUM = 3, 6
MAX_DATA_CHARS = 4_000
MAX_VALUE_CHARS = 1_023

# C0, DEL, C1, and what some readers take for the end of a line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LINE_BREAK = re.compile("\r\n|\r|\n")


def cef_line(event: Event) -> str:
    """One event, without a line feed."""
    said = meaning_of(event)
    severity = MEDIUM if said.is_refusal or not said.is_success else LOW
    header = [
        "CEF:0",
        "AgentOS",
        "AgentOS",
        __version__,
        event.type,
        said.operation,
        str(severity),
    ]
    extension: dict[str, str | None] = {
        "rt": str(round(event.at.timestamp() * 1000)),
        "externalId": str(event.position),
        "suser": event.actor,
        "spriv": said.role,
        "act": said.operation,
        "outcome": "success" if said.is_success else "failure",
        "reason": said.error_code,
        "msg": said.message,
        "app": said.edge,
        "cs1Label": "stream",
        "cs1": event.stream,
        "cs2Label": "workOrder" if said.work_order else None,
        "cs2": said.work_order,
        "cs3Label": "call" if said.call else None,
        "cs3": said.call,
        "cs4Label": "rule" if said.rule else None,
        "cs4": said.rule,
        "cs5Label": "hash",
        "cs5": event.hash,
        "cs6Label": "data",
        "cs6": orjson.dumps(event.data, option=orjson.OPT_SORT_KEYS).decode()[:MAX_DATA_CHARS],
        "cn1Label": "seq",
        "cn1": str(event.seq),
    }
    fields = " ".join(
        f"{key}={_extension_value(value, key)}"
        for key, value in extension.items()
        if value is not None
    )
    return "|".join(_header_value(value) for value in header) + "|" + fields


def _header_value(text: str) -> str:
    flat = _CONTROL.sub(" ", text)
    return flat.replace("\\", "\\\\").replace("|", "\\|")


def _extension_value(text: str, key: str) -> str:
    bounded = text if key == "cs6" else text[:MAX_VALUE_CHARS]
    escaped = bounded.replace("\\", "\\\\").replace("=", "\\=")
    return _CONTROL.sub(" ", _LINE_BREAK.sub(r"\\n", escaped))
