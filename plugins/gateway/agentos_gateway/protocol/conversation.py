"""What another server may ask the client of one call, while that call is under way.

Above: the gateway makes one for each call of a server with `asks`. Below: `ToolCall.ask`, so that
each question is one of the call: governed, recorded, and carried as the client's revision carries
questions. Where that means that the call is repeated with the answers, it begins anew here too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from mcp.types import (
    INVALID_REQUEST,
    ElicitRequest,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    InputRequest,
    InputRequiredResult,
)

from agentos import CannotAskError, ToolCall
from agentos_gateway.failures import ForeignError
from agentos_gateway.protocol.questions import question_of, result_of

T = TypeVar("T")

MAX_QUESTIONS = 20
MAX_ROUNDS = 10
STATE_ONLY_PAUSE_S = 0.1
_TOO_LATE = "nobody answered during this call; it may come again with the answer"

Asking = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Sends the request; the mapping holds the answers to what the server asked before."""
Asked = tuple[ElicitRequestParams, "asyncio.Future[ElicitResult | ErrorData]"]


class Conversation:
    """Between one server and the client of one call."""

    def __init__(self, server: str, call: ToolCall) -> None:
        self.deadline: asyncio.Timeout | None = None
        """By when the server must have answered; the time of persons is not counted."""
        self._server = server
        self._call = call
        self._n_asked = 0
        self._waiting: asyncio.Queue[Asked] = asyncio.Queue()

    async def in_rounds(self, ask: Asking) -> Any:
        """What a server of 2026-07-28 answers once it knows what it wants to know."""
        more: dict[str, Any] = {}
        for _ in range(MAX_ROUNDS):
            result = await ask(more)
            if not isinstance(result, InputRequiredResult):
                return result
            answers = None
            if result.input_requests:
                answers = await self._answers(result.input_requests)
            else:
                await asyncio.sleep(STATE_ONLY_PAUSE_S)
            more = {"input_responses": answers, "request_state": result.request_state}
        raise ForeignError(self._server, f"it asks again after {MAX_ROUNDS} rounds of answers")

    async def _answers(self, requests: Mapping[str, InputRequest]) -> dict[str, ElicitResult]:
        questions = {
            f"{self._next_name()}_{name}"[:100]: (name, question_of(self._server, request))
            for name, request in requests.items()
        }
        with self.untimed():
            given = await self._call.ask(**{key: each for key, (_, each) in questions.items()})
        return {name: result_of(each, given[key]) for key, (name, each) in questions.items()}

    async def put(self, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        """The answer to what a server of an older revision asks in the middle of the call."""
        reply: asyncio.Future[ElicitResult | ErrorData] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((params, reply))
        return await reply

    async def during(self, asking: Awaitable[T]) -> T:
        """What the server answers to `asking`, with its questions answered meanwhile."""
        answering = asyncio.ensure_future(asking)
        try:
            while True:
                asked = asyncio.ensure_future(self._waiting.get())
                try:
                    await asyncio.wait({answering, asked}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    asked.cancel()
                if answering.done():
                    return answering.result()
                params, reply = asked.result()
                await self._answer(params, reply)
        finally:
            await _end(answering)
            while not self._waiting.empty():
                _refuse(self._waiting.get_nowait()[1], _TOO_LATE)

    async def _answer(
        self, params: ElicitRequestParams, reply: asyncio.Future[ElicitResult | ErrorData]
    ) -> None:
        name = self._next_name()
        try:
            question = question_of(self._server, ElicitRequest(params=params))
            with self.untimed():
                given = await self._call.ask(**{name: question})
            result = result_of(question, given[name])
            if not reply.done():
                reply.set_result(result)
        except (CannotAskError, ForeignError) as error:
            # The server goes on without an answer, in whatever way it has for that.
            _refuse(reply, error.message)
        finally:
            _refuse(reply, _TOO_LATE)

    def _next_name(self) -> str:
        self._n_asked += 1
        if self._n_asked > MAX_QUESTIONS:
            raise ForeignError(self._server, f"it asks more than {MAX_QUESTIONS} questions a call")
        return f"{self._server}_{self._n_asked}"

    @contextmanager
    def untimed(self) -> Iterator[None]:
        """Time that the server is not to blame for."""
        deadline = self.deadline
        ends = None if deadline is None else deadline.when()
        if deadline is None or ends is None:
            yield
            return
        clock = asyncio.get_running_loop()
        left_s = ends - clock.time()
        deadline.reschedule(None)
        try:
            yield
        finally:
            if not deadline.expired():
                deadline.reschedule(clock.time() + max(left_s, 0.0))


def _refuse(reply: asyncio.Future[ElicitResult | ErrorData], why: str) -> None:
    if not reply.done():
        reply.set_result(ErrorData(code=INVALID_REQUEST, message=why))


class Turns:
    """Calls of servers of older revisions, one at a time.

    A question of these does not say to which call it belongs, and nobody may be asked what another
    call is about.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._current: Conversation | None = None

    async def take(self, conversation: Conversation, ask: Asking) -> Any:
        """What the server answers, once the calls before are over."""
        with conversation.untimed():
            await self._turn.acquire()
        self._current = conversation
        try:
            return await conversation.during(ask({}))
        finally:
            self._current = None
            self._turn.release()

    async def answer(
        self, context: object, params: ElicitRequestParams
    ) -> ElicitResult | ErrorData:
        """The SDK's callback for what a server asks."""
        if self._current is None:
            said = "no call is under way whose caller could be asked"
            return ErrorData(code=INVALID_REQUEST, message=said)
        return await self._current.put(params)


async def _end(task: asyncio.Future[T]) -> None:
    """Cancel a request and see it end, so that the server has been told."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
