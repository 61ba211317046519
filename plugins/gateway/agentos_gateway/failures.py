"""The errors of calls to other servers.

ForeignError          the server answered, with an error: its own, or of the protocol
NotOfferedError       the same: it does not know the method, or does not do that
LostError             it did not answer, and is not there any more
UnavailableError      of `agentos`: not there now; what callers get for LostError
"""

from __future__ import annotations

from agentos import AgentOSError, ToolError

MAX_ERROR_CHARS = 4_000


class ForeignError(ToolError):
    """What another server refused or failed at, in its own words."""

    code = "foreign_error"

    def __init__(self, server: str, said: str) -> None:
        cut = said if len(said) <= MAX_ERROR_CHARS else said[:MAX_ERROR_CHARS] + "... (cut)"
        super().__init__(f"{server}: {cut}")


class NotOfferedError(ForeignError):
    """The server does not have what was asked for at all."""


class LostError(AgentOSError):
    """The connection to another server ended, or could not be opened; says why."""
