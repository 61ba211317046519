"""The one mapping of our errors to protocol errors.

What a model can act on is a result with `isError`, not an error of the protocol; what comes here
is what no model can repair, and calls that name no tool.
"""

from __future__ import annotations

from typing import Any

import structlog
from mcp import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS

from agentos.calls import ToolResult
from agentos.errors import (
    AgentOSError,
    InvalidArgumentError,
    NotFoundError,
    RequestError,
    ToolError,
)
from agentos.kernel import UnknownToolError

UNAUTHENTICATED = -32010
"""JSON-RPC code of RequestError, in the band that MCP leaves to implementations."""

REFUSED = -32011
"""JSON-RPC code of a resource or prompt that was refused; `data` is what a tool would answer."""

_CALLERS_FAULT = frozenset({NotFoundError.code, InvalidArgumentError.code})

_log = structlog.get_logger(__name__)


def to_wire(error: Exception) -> MCPError:
    """The protocol error of `error`; `data.code` is the stable code of `agentos.errors`.

    Errors that nobody declared say nothing of the server's insides; the log has them.
    """
    if isinstance(error, RequestError):
        return MCPError(UNAUTHENTICATED, error.message, _data(error))
    if isinstance(error, UnknownToolError):
        return MCPError(INVALID_PARAMS, error.message, _data(error))
    if isinstance(error, ToolError):
        return MCPError(INTERNAL_ERROR, error.message, _data(error))
    _log.error("request_failed", exc_info=error)
    return MCPError(INTERNAL_ERROR, "internal error", {"code": AgentOSError.code})


def refused(result: ToolResult) -> MCPError:
    """The protocol error of a result that is an error, where the protocol has no such result."""
    error = dict(result.structured["error"])
    code = INVALID_PARAMS if error["code"] in _CALLERS_FAULT else REFUSED
    return MCPError(code, result.text, error)


def _data(error: AgentOSError) -> dict[str, Any]:
    return {"code": error.code}
