"""Whether a call is a person's own word, or a model's under that person's token.

Above: reviews, approvals. Below: what clients say of themselves. A claim grants nothing; here it
only takes away: whoever tells of a model's turn is believed that no person said it.
"""

from __future__ import annotations

from agentos import ToolCall

_OF_A_MODEL = ("model", "tool_use_id", "turn_id")


def is_persons_word(call: ToolCall) -> bool:
    """Whether a known person answers for the call and no model says that it made it."""
    return call.principal.person is not None and not any(map(call.claims.get, _OF_A_MODEL))
