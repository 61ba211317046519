"""How a tool's use ended, as far as the client tells: the exit code of a command.

Above: events. Below: nothing. Sources: Claude Code's hooks reference (a command that fails is a
`PostToolUseFailure` whose `error` begins with `Exit code N`); Codex (`tool_response` is the text
that the model sees, which does not always hold the code).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_FAILED = re.compile(
    r"(?:Exit code|exited with (?:non-zero )?(?:exit |status )?code):? (-?\d{1,9})"
)
_FIELDS = ("exit_code", "exitCode")
_HEAD = 2_000
"""Characters in which the code stands, if it does; what follows is the command's own output."""


def exit_code_of(client: str, event: Mapping[str, Any]) -> int | None:
    """The exit code of the command that a PostToolUse or PostToolUseFailure event is about."""
    if event.get("hook_event_name") == "PostToolUseFailure":
        return _in_text(event.get("error"))
    response = event.get("tool_response")
    if isinstance(response, dict):
        return _in_fields(response, client)
    return _in_text(response) if client == "codex" else None


def _in_fields(response: Mapping[str, Any], client: str) -> int | None:
    for holder in (response, response.get("metadata")):
        if isinstance(holder, dict):
            for name in _FIELDS:
                value = holder.get(name)
                if isinstance(value, int) and not isinstance(value, bool):
                    return value
    is_open = response.get("interrupted") or response.get("backgroundTaskId")
    # Claude Code calls a command that failed a failure, by an event of its own.
    return 0 if client == "claude-code" and "stdout" in response and not is_open else None


def _in_text(text: object) -> int | None:
    if not isinstance(text, str):
        return None
    if text.startswith("{"):
        try:
            said = json.loads(text)
        except ValueError:
            return None
        return _in_fields(said, "") if isinstance(said, dict) else None
    found = _FAILED.search(text[:_HEAD])
    return int(found[1]) if found else None
