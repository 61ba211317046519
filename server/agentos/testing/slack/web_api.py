"""The Web API over HTTP: tokens, arguments, faults, methods, and a log of every call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from agentos.testing.slack.arguments import Arguments
from agentos.testing.slack.calls import ApiCall, Happenings
from agentos.testing.slack.faults import FailingAnswer, Faults
from agentos.testing.slack.methods import CONNECTIONS_OPEN, METHODS, Method
from agentos.testing.slack.refusal import SlackRefusalError
from agentos.testing.slack.workspace import Credentials, Workspace


class WebApi:
    """Answers `/api/<method>`; `open_connection` makes a URL for Socket Mode."""

    def __init__(
        self,
        workspace: Workspace,
        credentials: Credentials,
        faults: Faults,
        happenings: Happenings,
        open_connection: Callable[[], str],
    ) -> None:
        self.calls: list[ApiCall] = []
        self._workspace = workspace
        self._credentials = credentials
        self._faults = faults
        self._happenings = happenings
        connections = Method(lambda *_: {"url": open_connection()}, needs_app_token=True)
        self._methods = {**METHODS, CONNECTIONS_OPEN: connections}

    async def handle(self, request: web.Request) -> web.Response:
        """One call; Slack answers 200 for its refusals too."""
        name = request.match_info["method"]
        method = self._methods.get(name)
        arguments = Arguments(await _values(request, method))
        await self._faults.wait(name, arguments)
        failing = self._faults.next_answer(name)
        if failing is not None:
            self._record(name, arguments, failing.error)
            return _failed(failing)
        body = self._answer(name, method, arguments, request.headers.get("Authorization", ""))
        error = body.get("error")
        self._record(name, arguments, None if error is None else str(error))
        if self._faults.loses_answer(name) and request.transport is not None:
            request.transport.abort()
        return web.json_response(body)

    def _answer(
        self, name: str, method: Method | None, arguments: Arguments, header: str
    ) -> Mapping[str, Any]:
        try:
            if method is None:
                raise SlackRefusalError("unknown_method", req_method=name)
            self._authorize(method, header.removeprefix("Bearer ") or arguments.text("token"))
            return {"ok": True, **method.handler(self._workspace, arguments)}
        except SlackRefusalError as refusal:
            return refusal.to_json()

    def _authorize(self, method: Method, token: str) -> None:
        if not token:
            raise SlackRefusalError("not_authed")
        known = {self._credentials.bot_token: False, self._credentials.app_token: True}
        if token not in known:
            raise SlackRefusalError("invalid_auth")
        if known[token] is not method.needs_app_token:
            raise SlackRefusalError("not_allowed_token_type")
        if method.scope is not None:
            self._workspace.require_scope(method.scope)

    def _record(self, name: str, arguments: Arguments, error: str | None) -> None:
        at = self._workspace.clock.now()
        self.calls.append(ApiCall(name, arguments.readable(), error, at))
        self._happenings.tell()


async def _values(request: web.Request, method: Method | None) -> dict[str, Any]:
    """What a call was given; a JSON body counts only where the method takes one."""
    values: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        sent = await request.json() if request.can_read_body else {}
        takes_json = method is None or method.takes_json
        return {**values, **sent} if takes_json and isinstance(sent, dict) else values
    return {**values, **await request.post()}


def _failed(answer: FailingAnswer) -> web.Response:
    body = {"ok": False, "error": answer.error}
    return web.json_response(body, status=answer.status, headers=answer.headers)
