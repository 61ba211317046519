"""What other servers say for people, in the log of this one: on stderr, or as log notifications.

Above: programs, connections. Below: structlog. Secrets are taken out, control characters too, and
a server that says too much is cut off for the rest of the minute.
"""

from __future__ import annotations

import asyncio

import structlog

from agentos import redact_text

MAX_LINE_CHARS = 400
LOGGED_LINES_PER_MINUTE = 60

_log = structlog.get_logger(__name__)


class ServerLog:
    """The lines of one server."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._logged = 0
        self._minute = 0.0

    def say(self, text: str, level: str | None = None) -> None:
        """Log a line that `printable_line` made."""
        now = asyncio.get_running_loop().time()
        if now - self._minute > 60:
            self._minute, self._logged = now, 0
        self._logged += 1
        if self._logged < LOGGED_LINES_PER_MINUTE:
            said = {} if level is None else {"level_there": level}
            _log.info("gateway_server_said", server=self._name, line=text, **said)
        elif self._logged == LOGGED_LINES_PER_MINUTE:
            _log.info("gateway_server_says_more", server=self._name)


def printable_line(text: str) -> str:
    """One line without secrets and without what a terminal obeys; may be empty."""
    line = redact_text(text[: 4 * MAX_LINE_CHARS]).strip()
    return "".join(c if c.isprintable() else " " for c in line)[:MAX_LINE_CHARS]
