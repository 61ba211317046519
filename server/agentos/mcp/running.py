"""Calls in flight that their client may cancel by a message of its own (revisions before 2026).

A 2026-07-28 client cancels by closing the response; older ones post `notifications/cancelled`,
which arrives as another request and has to find the call it means.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from agentos.calls import Credentials

CallKey = tuple[str, str | None, str]
"""The client's session id, its token and its JSON-RPC request id: `call_key` makes it."""


def call_key(session_id: str, credentials: Credentials, request_id: str | int | None) -> CallKey:
    """By which a cancellation finds a call; a session id alone is no secret between callers."""
    return (session_id, credentials.bearer_token, str(request_id))


class RunningCalls:
    """The cancellable calls of this process."""

    def __init__(self) -> None:
        self._scopes: dict[CallKey, anyio.CancelScope] = {}

    @contextmanager
    def track(self, key: CallKey) -> Iterator[anyio.CancelScope]:
        """A scope that `cancel` with the same key ends; other keys never do."""
        with anyio.CancelScope() as scope:
            self._scopes[key] = scope
            try:
                yield scope
            finally:
                if self._scopes.get(key) is scope:
                    del self._scopes[key]

    def cancel(self, key: CallKey) -> bool:
        """Cancel one call; False where this process runs no such call."""
        scope = self._scopes.get(key)
        if scope is None:
            return False
        scope.cancel()
        return True
