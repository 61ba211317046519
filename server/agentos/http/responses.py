"""Error answers of the HTTP edge; every one says its stable code and never a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from mcp.types import INTERNAL_ERROR, INVALID_REQUEST
from starlette.responses import Response
from starlette.types import Scope

from agentos.errors import LimitExceededError
from agentos.mcp.errors import UNAUTHENTICATED
from agentos.mcp.streams import RETRY_AFTER_S

MCP_PATH = "/mcp"

_WIRE_CODES = {401: UNAUTHENTICATED, 500: INTERNAL_ERROR, 503: INTERNAL_ERROR}


def error_response(
    scope: Scope,
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error as JSON; as a JSON-RPC error on the MCP endpoint, where clients then show it."""
    body: dict[str, Any] = {"error": {"code": code, "message": message}}
    if scope["path"] == MCP_PATH:
        wire_code = _WIRE_CODES.get(status, INVALID_REQUEST)
        error = {"code": wire_code, "message": message, "data": {"code": code}}
        body = {"jsonrpc": "2.0", "id": None, "error": error}
    return json_response(body, status, headers)


def too_many_streams(scope: Scope, error: LimitExceededError) -> Response:
    """429 to a principal that holds too many event streams, with when to try again."""
    message = f"{error.message}; {error.remedy}" if error.remedy else error.message
    return error_response(scope, 429, error.code, message, {"retry-after": str(RETRY_AFTER_S)})


def json_response(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`body` as JSON."""
    return Response(orjson.dumps(body), status, dict(headers or {}), "application/json")
