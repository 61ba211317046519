"""What a hook prints: each client's words for denied, told and reminded.

Above: events. Below: nothing. Both clients read one object on standard output with exit code 0,
and take silence for "as usual". Neither is ever told "allow": that would skip the user's own
permission rules. Codex takes an unknown field, `allow` or `ask` as a failed hook, and goes on.
"""

from __future__ import annotations

from typing import Any

Answer = dict[str, Any]


def denied(reason: str) -> Answer:
    """The tool must not run; the model reads why."""
    return _specific("PreToolUse", permissionDecision="deny", permissionDecisionReason=reason)


def told(context: str) -> Answer:
    """What a session should know when it begins."""
    return _specific("SessionStart", additionalContext=context)


def reminded(reason: str) -> Answer:
    """The model should not stop yet."""
    return {"decision": "block", "reason": reason}


def warned(message: str) -> Answer:
    """The user sees the message; nothing else happens."""
    return {"systemMessage": message}


def _specific(event: str, **fields: str) -> Answer:
    return {"hookSpecificOutput": {"hookEventName": event, **fields}}
