"""Calls the server's tools: the official MCP client over Streamable HTTP, a connection a call.

Above: posting, listeners, the event feed. Below: the MCP SDK over one pool of HTTP connections.
There is no session to lose: a server that was restarted is simply there again at the next call. A
call that got no answer is repeated under its idempotency key until its time is up, so that it takes
effect once, whether or not the first answer was lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolRequest, CallToolRequestParams, CallToolResult, Implementation
from pydantic import ValidationError

from agentos import (
    ApprovalRequiredError,
    BudgetExceededError,
    CallRefusedError,
    ConflictError,
    InvalidArgumentError,
    InvalidStateError,
    LeaseLostError,
    LimitExceededError,
    NotFoundError,
    RequestError,
    ToolError,
    UnavailableError,
    __version__,
)
from agentos_bots.slack.backoff import Backoff
from agentos_bots.slack.people import CHANNEL, SlackUser

PROTOCOL = "2026-07-28"
CONNECT_TIMEOUT_S = 3.0
ATTEMPT_TIMEOUT_S = 5.0
"""How long one attempt may take, so that a server that hangs leaves time for another."""

ON_BEHALF_OF = "agentos/on_behalf_of"
IDEMPOTENCY_KEY = "agentos/idempotency_key"

UNLINKED = "identity.unlinked"
"""The rule by which the server refuses to act for a Slack user that it does not know."""


class UnlinkedError(NotFoundError):
    """Nobody is linked to the Slack user on whose behalf a call was made."""


_ERRORS: Mapping[str, type[ToolError]] = {
    each.code: each
    for each in (
        ConflictError,
        InvalidArgumentError,
        InvalidStateError,
        LeaseLostError,
        LimitExceededError,
        NotFoundError,
        UnavailableError,
    )
}
_REFUSALS: Mapping[str, type[CallRefusedError]] = {
    each.code: each for each in (ApprovalRequiredError, BudgetExceededError, CallRefusedError)
}


class KernelClient:
    """One server's tools, as the bot or as a person on whose behalf it acts."""

    def __init__(self, http: httpx2.AsyncClient, url: str, *, timeout_s: float) -> None:
        self.http = http
        """For the event stream, which is no tool."""
        self._url = f"{url.rstrip('/')}/mcp"
        self._timeout_s = timeout_s

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        key: str | None = None,
        on_behalf_of: SlackUser | None = None,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """The structured result; the error of the server as one of `agentos`' errors.

        Without a `key` the tool must be one that only reads: a call without an answer is repeated.
        UnavailableError where there was none in time: what came of the call is not known then.
        RequestError where the server does not take the bot's token.
        """
        meta: dict[str, Any] = {}
        if key is not None:
            meta[IDEMPOTENCY_KEY] = key
        if on_behalf_of is not None:
            meta[ON_BEHALF_OF] = {"channel": CHANNEL, "id": on_behalf_of.external_id}
        given = {name: value for name, value in arguments.items() if value is not None}
        params = CallToolRequestParams.model_validate(
            {"name": tool, "arguments": given, "_meta": meta}
        )
        return await self._until_answered(params, timeout_s or self._timeout_s)

    async def _until_answered(
        self, params: CallToolRequestParams, timeout_s: float
    ) -> dict[str, Any]:
        backoff = Backoff(0.1, 1.0)
        trouble = "no answer"
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    try:
                        async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
                            return await self._once(params)
                    except UnavailableError as error:
                        trouble = error.message
                    except TimeoutError:
                        trouble = f"no answer within {ATTEMPT_TIMEOUT_S:g} s"
                    await backoff.wait()
        except TimeoutError:
            raise UnavailableError(
                f"the server did not answer {params.name} within {timeout_s:g} s: {trouble}",
                remedy="try again",
            ) from None

    async def _once(self, params: CallToolRequestParams) -> dict[str, Any]:
        result: CallToolResult | None = None
        try:
            async with Client(
                streamable_http_client(self._url, http_client=self.http),
                mode=PROTOCOL,
                cache=None,
                client_info=Implementation(name="agentos-slack", version=__version__),
            ) as client:
                result = await client.session.send_request(
                    CallToolRequest(params=params), CallToolResult
                )
        except Exception as error:
            # The SDK wraps what happened in the groups of its tasks; an answer stands all the same.
            if result is None:
                raise translated(error) from error
        content: dict[str, Any] = result.structured_content or {}
        if result.is_error:
            raise error_of(content.get("error") or {})
        return content


def error_of(said: Mapping[str, Any]) -> ToolError:
    """The error object of a result as the class that has its code."""
    code, message = str(said.get("code")), str(said.get("message") or "the server refused the call")
    remedy = said.get("remedy")
    if said.get("rule") == UNLINKED:
        return UnlinkedError(message, remedy=remedy)
    if code in _REFUSALS:
        return _REFUSALS[code](message, rule=str(said.get("rule") or code), remedy=remedy)
    return _ERRORS.get(code, InvalidStateError)(message, remedy=remedy)


def translated(error: BaseException) -> Exception:
    """What went wrong below the tools: UnavailableError, RequestError, or what the SDK was told."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, MCPError):
        return _protocol_error(error)
    if isinstance(error, httpx2.HTTPError | OSError | ValidationError | RuntimeError):
        return UnavailableError(f"{type(error).__name__}: {error}"[:300])
    if isinstance(error, Exception):
        return error
    raise error


def _protocol_error(error: MCPError) -> Exception:
    data = error.error.data
    code = str(data.get("code") or "") if isinstance(data, dict) else ""
    if code in _ERRORS:
        return _ERRORS[code](error.error.message)
    return RequestError(error.error.message) if code else UnavailableError(error.error.message)


@asynccontextmanager
async def open_kernel_client(
    url: str, token: str, *, timeout_s: float
) -> AsyncIterator[KernelClient]:
    """A client of the server at `url` as the owner of a bearer token."""
    async with httpx2.AsyncClient(
        headers={"Authorization": f"Bearer {token}"},
        timeout=httpx2.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S),
    ) as http:
        yield KernelClient(http, url, timeout_s=timeout_s)
