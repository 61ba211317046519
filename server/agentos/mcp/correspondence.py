"""The three ways in which a client can be asked something while it waits for a call.

- 2026-07-28: the call ends with the questions, and the client repeats it with the answers. What
  was answered before travels in the request state, which the SDK seals and binds to the caller,
  the function and its arguments.
- before, over HTTP: a request on the event stream that answers the call (`agentos.mcp.dialogue`).
- before, over stdio: a request on the one stream there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from mcp import MCPError
from mcp.types import (
    ClientCapabilities,
    InputRequiredResult,
    InputResponseRequestParams,
)
from pydantic import BaseModel, ConfigDict, ValidationError

from agentos.asking import Answer, InputRequiredError, Question
from agentos.canonical import digest_of
from agentos.errors import InvalidStateError
from agentos.mcp.dialogue import Dialogue
from agentos.mcp.questions import declares, read_answer, wire_question


class Repetition:
    """Asks by having the call repeated."""

    def __init__(
        self, capabilities: ClientCapabilities | None, params: InputResponseRequestParams
    ) -> None:
        self._capabilities = capabilities
        state = orjson.loads(params.request_state) if params.request_state else {}
        self._answered: dict[str, Any] = state.get("answered", {})
        asked: Mapping[str, str] = state.get("asked", {})
        for name, response in (params.input_responses or {}).items():
            if name in asked:
                result = response.model_dump(by_alias=True, mode="json", exclude_none=True)
                self._answered[name] = [asked[name], result]

    def can_answer(self, question: Question) -> bool:
        """Whether the client declared what the question needs."""
        return declares(self._capabilities, question)

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Answer]:
        """The answers that came with the call; InputRequiredError while one is missing."""
        answers = {}
        missing = {}
        for name, question in questions.items():
            answer = self._answer_of(name, question)
            if answer is None:
                missing[name] = question
            else:
                answers[name] = answer
        if missing:
            raise InputRequiredError(missing)
        return answers

    def result(self, missing: Mapping[str, Question]) -> InputRequiredResult:
        """What tells the client to answer and to repeat the call."""
        state = {
            "answered": self._answered,
            "asked": {name: _digest(question) for name, question in missing.items()},
        }
        return InputRequiredResult(
            input_requests={name: wire_question(each) for name, each in missing.items()},
            request_state=orjson.dumps(state).decode(),
        )

    def _answer_of(self, name: str, question: Question) -> Answer | None:
        asked, result = self._answered.get(name, (None, None))
        # An answer belongs to the question as it was put, not to another of the same name.
        if asked != _digest(question):
            return None
        try:
            return read_answer(question, result)
        except ValidationError:
            return None


class StreamDialogue:
    """Asks on the event stream of the call."""

    def __init__(self, capabilities: ClientCapabilities | None, dialogue: Dialogue) -> None:
        self._capabilities = capabilities
        self._dialogue = dialogue

    def can_answer(self, question: Question) -> bool:
        """Whether the client declared what the question needs."""
        return declares(self._capabilities, question)

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Answer]:
        """The client's answers, one question after the other."""
        return {name: await self._ask(each) for name, each in questions.items()}

    async def _ask(self, question: Question) -> Answer:
        method, params = _method_and_params(question)
        return _read(question, await self._dialogue.request(method, params))


class DuplexDialogue:
    """Asks on the stream that both sides write to; `session` is the SDK's."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def can_answer(self, question: Question) -> bool:
        """Whether the client declared what the question needs."""
        return bool(self._session.can_send_request) and declares(
            self._session.client_capabilities, question
        )

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Answer]:
        """The client's answers, one question after the other."""
        return {name: await self._ask(each) for name, each in questions.items()}

    async def _ask(self, question: Question) -> Answer:
        request = wire_question(question)
        try:
            result = await self._session.send_request(request, _Untyped)
        except MCPError as error:
            raise InvalidStateError("the client answered the question with an error") from error
        return _read(question, result.model_dump(by_alias=True, mode="json"))


class _Untyped(BaseModel):
    """A result that is read later, by the question it answers."""

    model_config = ConfigDict(extra="allow")


def _method_and_params(question: Question) -> tuple[str, Mapping[str, Any]]:
    wired = wire_question(question).model_dump(by_alias=True, mode="json", exclude_none=True)
    return wired["method"], wired.get("params") or {}


def _read(question: Question, result: Mapping[str, Any]) -> Answer:
    try:
        return read_answer(question, result)
    except ValidationError:
        raise InvalidStateError("the client's answer is not of the protocol's form") from None


def _digest(question: Question) -> str:
    method, params = _method_and_params(question)
    return digest_of({"method": method, "params": dict(params)})
