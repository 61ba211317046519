"""Turns a request of the protocol into a dispatch, whatever surface it came in by.

Above: the handlers for tools, resources and prompts. Below: `Kernel.dispatch`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from mcp import MCPError
from mcp.server import ServerRequestContext
from mcp.server.connection import allowed_log_levels
from mcp.server.streamable_http import REQUEST_CANCELLED
from mcp.types import (
    INVALID_REQUEST,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    InputRequiredResult,
    InputResponseRequestParams,
    LoggingMessageNotification,
    LoggingMessageNotificationParams,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

from agentos.asking import CannotAskError, Correspondent, InputRequiredError
from agentos.calls import (
    CallRequest,
    Credentials,
    LogLevel,
    LogReporter,
    Principal,
    ProgressReporter,
    ToolResult,
)
from agentos.canonical import sha256_hex
from agentos.errors import RequestError, ToolError
from agentos.identity.delegation import claimed_in
from agentos.kernel import Kernel, UnknownToolError
from agentos.mcp import session
from agentos.mcp.approving import awaited_review, confirmed
from agentos.mcp.claims import claims_of
from agentos.mcp.correspondence import DuplexDialogue, Repetition, StreamDialogue
from agentos.mcp.errors import refused, to_wire
from agentos.mcp.log_levels import LEVELS, LogLevels
from agentos.mcp.questions import needed_capability
from agentos.mcp.running import RunningCalls, call_key
from agentos.mcp.subscriptions import session_key
from agentos.surface import Surface
from agentos.tasks.model import Task

T = TypeVar("T")

CREDENTIALS_KEY = "agentos.credentials"
"""Where the HTTP edge leaves the caller's Credentials in the ASGI scope."""

DIALOGUE_KEY = "agentos.dialogue"
"""Where the HTTP edge leaves the `Dialogue` of a call that may ask, in the ASGI scope."""

WORK_ORDER_KEY = "agentos/work_order"
IDEMPOTENCY_KEY = "agentos/idempotency_key"

Context = ServerRequestContext[dict[str, Any], Any]


def digest_of_credentials(credentials: Credentials) -> str:
    """Names credentials without telling them."""
    return sha256_hex((credentials.bearer_token or "local").encode())


def acting(credentials: Credentials, meta: Mapping[str, Any]) -> Credentials:
    """The credentials of a request, with the person for whom its `_meta` says that it is made."""
    claimed = claimed_in(meta)
    return credentials if claimed is None else replace(credentials, on_behalf_of=claimed)


async def is_admitted(kernel: Kernel, credentials: Credentials) -> bool:
    """Whether credentials are still good: a stream may outlive their expiry or revocation."""
    try:
        await kernel.identify(credentials)
    except RequestError:
        return False
    except ToolError:
        return True  # the database is away, and with it every change
    return True


async def dispatch(kernel: Kernel, request: CallRequest) -> ToolResult:
    """The result of a call, be it an error; MCPError for what is none that a model can act on."""
    return await _answered(kernel.dispatch(request))


async def _answered(answer: Awaitable[T]) -> T | ToolResult:
    try:
        return await answer
    except UnknownToolError as error:
        raise to_wire(error) from error
    except ToolError as error:
        return ToolResult.from_error(error)
    except Exception as error:
        raise to_wire(error) from error


class Caller:
    """Who calls through one edge.

    `credentials` are those of the one caller of a stdio server; over HTTP each request carries
    its own in the ASGI scope, and one without any is nobody.
    """

    def __init__(
        self, kernel: Kernel, edge: str, credentials: Credentials | None, running: RunningCalls
    ) -> None:
        self._kernel = kernel
        self._edge = edge
        self._credentials = credentials
        self._running = running
        self.log_levels = LogLevels(kernel)

    def credentials_digest(self, ctx: Context) -> str:
        """Names the caller's credentials without telling them."""
        return digest_of_credentials(self._credentials or _credentials(ctx))

    async def principal(self, ctx: Context) -> Principal:
        """Who calls, or for whom; RequestError where the token is no longer good."""
        own = self._credentials or _credentials(ctx)
        return await self._kernel.identify(acting(own, _meta(ctx)))

    async def is_admitted(self, ctx: Context) -> bool:
        """Whether the caller's token is still good."""
        return await is_admitted(self._kernel, self._credentials or _credentials(ctx))

    def session_key(self, ctx: Context) -> str:
        """The name of an HTTP client's subscriptions; MCPError for a client without a session id."""
        session_id = _session_id(ctx)
        if session_id is None:
            raise MCPError(INVALID_REQUEST, f"the request needs the {session.HEADER} header")
        return session_key(session_id, self.credentials_digest(ctx))

    async def call(
        self,
        ctx: Context,
        name: str,
        arguments: Mapping[str, Any],
        surface: Surface = Surface.TOOL,
        params: InputResponseRequestParams | None = None,
    ) -> ToolResult | InputRequiredResult:
        """The result of a function, be it an error, or what the client has to answer first.

        MCPError where no function of that name is there, and where the client lacks a capability
        that the function relies on. `params` may bring the answers to earlier questions.
        """
        session_id = _session_id(ctx)
        correspondent = _correspondent(ctx, session_id, params)
        request = self._request(ctx, name, arguments, surface, session_id, correspondent)
        if session_id is None:
            return _unless_asked(await self._dispatch(request, correspondent), correspondent)
        with self._running.track(call_key(session_id, request.credentials, ctx.request_id)):
            return _unless_asked(await dispatch(self._kernel, request), correspondent)
        raise MCPError(REQUEST_CANCELLED, "the client cancelled the request")

    async def _dispatch(
        self, request: CallRequest, correspondent: Correspondent | None
    ) -> ToolResult:
        result = await dispatch(self._kernel, request)
        if awaited_review(result) is None or not isinstance(correspondent, Repetition):
            return result
        try:
            again = await confirmed(self._kernel, request, correspondent, result)
        except InputRequiredError as error:
            return ToolResult.from_error(error)
        return await dispatch(self._kernel, request) if again else result

    async def call_or_task(
        self,
        ctx: Context,
        name: str,
        arguments: Mapping[str, Any],
        params: InputResponseRequestParams,
        askable: frozenset[str],
    ) -> ToolResult | InputRequiredResult | Task:
        """The same for a tool and a client that takes tasks: the call may go on as one.

        `askable` names the kinds of questions that the client can answer then.
        """
        correspondent = _correspondent(ctx, None, params)
        request = self._request(ctx, name, arguments, Surface.TOOL, None, correspondent)
        outcome = await _answered(self._kernel.tasks.call(request, askable))
        return outcome if isinstance(outcome, Task) else _unless_asked(outcome, correspondent)

    async def answer(
        self,
        ctx: Context,
        name: str,
        arguments: Mapping[str, Any],
        surface: Surface,
        params: InputResponseRequestParams | None = None,
    ) -> Mapping[str, Any] | InputRequiredResult:
        """What a function answered; MCPError for an error too, where results cannot hold one."""
        result = await self.call(ctx, name, arguments, surface, params)
        if isinstance(result, InputRequiredResult):
            return result
        if result.is_error:
            raise refused(result)
        return result.structured

    def _request(
        self,
        ctx: Context,
        name: str,
        arguments: Mapping[str, Any],
        surface: Surface,
        session_id: str | None,
        correspondent: Correspondent | None,
    ) -> CallRequest:
        meta = _meta(ctx)
        known = ctx.session.client_params
        client = known.client_info if known is not None else session.client_of(session_id)
        return CallRequest(
            tool=name,
            arguments=arguments,
            credentials=acting(self._credentials or _credentials(ctx), meta),
            edge=self._edge,
            work_order=meta.get(WORK_ORDER_KEY),
            idempotency_key=meta.get(IDEMPOTENCY_KEY),
            claims=claims_of(meta, client),
            progress=_progress(ctx) if "progressToken" in meta else None,
            log=self._log(ctx, meta),
            correspondent=correspondent,
            surface=surface,
        )

    def _log(self, ctx: Context, meta: Mapping[str, Any]) -> LogReporter:
        allowed = allowed_log_levels(ctx.session.protocol_version, meta)
        wanted: frozenset[LogLevel] | None = None

        async def report(level: LogLevel, message: str) -> None:
            nonlocal wanted
            if level not in allowed:
                return
            if wanted is None:
                wanted = await self._wanted_levels(ctx)
            if level in wanted:
                said = LoggingMessageNotificationParams(level=level, data=message)
                await ctx.session.send_notification(
                    LoggingMessageNotification(params=said), related_request_id=ctx.request_id
                )

        return report

    async def _wanted_levels(self, ctx: Context) -> frozenset[LogLevel]:
        """Those that a client before 2026-07-28 asked for by `logging/setLevel`."""
        is_modern = ctx.session.protocol_version in MODERN_PROTOCOL_VERSIONS
        if is_modern or (ctx.request is not None and _session_id(ctx) is None):
            return frozenset(LEVELS)
        return await self.log_levels.wanted(None if ctx.request is None else self.session_key(ctx))


def _correspondent(
    ctx: Context, session_id: str | None, params: InputResponseRequestParams | None
) -> Correspondent | None:
    if ctx.session.protocol_version in MODERN_PROTOCOL_VERSIONS:
        known = ctx.session.client_capabilities
        return None if params is None else Repetition(known, params)
    if ctx.request is None:
        return DuplexDialogue(ctx.session)
    dialogue = ctx.request.scope.get(DIALOGUE_KEY)
    return dialogue and StreamDialogue(session.capabilities_of(session_id), dialogue)


def _unless_asked(
    result: ToolResult, correspondent: Correspondent | None
) -> ToolResult | InputRequiredResult:
    if isinstance(result.error, InputRequiredError) and isinstance(correspondent, Repetition):
        return correspondent.result(result.error.questions)
    if isinstance(result.error, CannotAskError) and isinstance(correspondent, Repetition):
        needed = {"requiredCapabilities": needed_capability(result.error.capability)}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, result.error.message, needed)
    return result


def _credentials(ctx: Context) -> Credentials:
    if ctx.request is None:
        return Credentials()
    found: Credentials = ctx.request.scope.get(CREDENTIALS_KEY) or Credentials()
    return found


def _session_id(ctx: Context) -> str | None:
    return None if ctx.request is None else ctx.request.headers.get(session.HEADER)


def _meta(ctx: Context) -> Mapping[str, Any]:
    meta = ctx.params.get("_meta") if ctx.params else None
    return meta if isinstance(meta, Mapping) else {}


def _progress(ctx: Context) -> ProgressReporter:
    async def report(done: float, total: float | None, message: str) -> None:
        await ctx.session.report_progress(done, total, message or None)

    return report
