"""Events as OCSF 1.3 API Activity (class 6003), one JSON object a line.

Above: export. Below: meaning. Source: schema.ocsf.io, version 1.3.0, class api_activity; its
required attributes are in every line. What has no place there is under `unmapped`.
"""

from __future__ import annotations

from typing import Any

import orjson

from agentos._version import __version__
from agentos.events.exporting.meaning import Meaning, meaning_of
from agentos.events.model import Event

SCHEMA_VERSION = "1.3.0"
CATEGORY_UID = 6
CLASS_UID = 6003
ACTIVITIES = {"create": 1, "read": 2, "update": 3, "delete": 4, "other": 99}
NAMES = {1: "Create", 2: "Read", 3: "Update", 4: "Delete", 99: "Other"}
INFORMATIONAL, MEDIUM = 1, 3
SUCCESS, FAILURE = 1, 2


def ocsf_line(event: Event) -> str:
    """One event, without a line feed."""
    return orjson.dumps(ocsf_document(event)).decode()


def ocsf_document(event: Event) -> dict[str, Any]:
    """One event as an OCSF object."""
    said = meaning_of(event)
    activity = ACTIVITIES[said.verb]
    severity = MEDIUM if said.is_refusal or not said.is_success else INFORMATIONAL
    document: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": NAMES[activity] if activity != ACTIVITIES["other"] else event.type,
        "category_uid": CATEGORY_UID,
        "category_name": "Application Activity",
        "class_uid": CLASS_UID,
        "class_name": "API Activity",
        "type_uid": CLASS_UID * 100 + activity,
        "type_name": f"API Activity: {NAMES[activity]}",
        "time": round(event.at.timestamp() * 1000),
        "severity_id": severity,
        "severity": "Medium" if severity == MEDIUM else "Informational",
        "status_id": SUCCESS if said.is_success else FAILURE,
        "status": "Success" if said.is_success else "Failure",
        "message": said.message,
        "metadata": _metadata(event, said),
        "actor": _actor(event, said),
        "api": _api(event, said),
        "src_endpoint": {"name": said.edge or "agentos"},
        "resources": [{"name": said.resource, "type": "event stream"}],
        "unmapped": _unmapped(event, said),
    }
    if said.error_code is not None:
        document["status_code"] = said.error_code
        document["status_detail"] = said.message
    if said.duration_ms is not None:
        document["duration"] = said.duration_ms
    return document


def _metadata(event: Event, said: Meaning) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "version": SCHEMA_VERSION,
        "product": {"name": "AgentOS", "vendor_name": "AgentOS", "version": __version__},
        "uid": event.hash,
        "sequence": event.position,
        "event_code": event.type,
        "log_name": event.stream,
    }
    correlation = said.call or said.work_order
    return metadata if correlation is None else {**metadata, "correlation_uid": correlation}


def _actor(event: Event, said: Meaning) -> dict[str, Any]:
    user: dict[str, Any] = {"name": event.actor}
    if said.role is not None:
        user["type"] = said.role
        user["type_id"] = 99
    return {"user": user}


def _api(event: Event, said: Meaning) -> dict[str, Any]:
    api: dict[str, Any] = {"operation": said.operation, "service": {"name": "agentos"}}
    if said.call is not None:
        api["request"] = {"uid": said.call}
    if said.error_code is not None:
        api["response"] = {"error": said.error_code, "error_message": said.message}
    return api


def _unmapped(event: Event, said: Meaning) -> dict[str, Any]:
    return {
        "stream": event.stream,
        "seq": event.seq,
        "prev_hash": event.prev_hash,
        "work_order": said.work_order,
        "rule": said.rule,
        "data": event.data,
    }
