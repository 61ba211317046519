"""For which call a body works now, for services that answer without being told.

Above: completers and the like; the pipeline says when a body begins and ends. Below: calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from agentos.calls import ToolCall


@dataclass(slots=True)
class _Body:
    """A body that runs; tasks that outlive it see that it is over."""

    call: ToolCall | None


_running: ContextVar[_Body | None] = ContextVar("agentos_running_body", default=None)


def current_call() -> ToolCall | None:
    """The call whose body runs here, also in tasks and threads that it started.

    For services that answer without being told for whom, such as a `Completer`. None outside of a
    body, and in a task that goes on after its body has ended.
    """
    body = _running.get()
    return None if body is None else body.call


@contextmanager
def running_body(call: ToolCall) -> Iterator[None]:
    """Make `call` the current one while its body runs; the pipeline does."""
    body = _Body(call)
    token = _running.set(body)
    try:
        yield
    finally:
        body.call = None
        _running.reset(token)
