"""What Slack answers when it does not do what it was asked: an error code and details.

Above it are the Web API, which turns it into `{"ok": false, "error": ...}`, and the stores that
raise it.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentos.errors import AgentOSError


class SlackRefusalError(AgentOSError):
    """`error` is Slack's own code; `details` become `response_metadata.messages`."""

    def __init__(self, error: str, details: Sequence[str] = (), **fields: str) -> None:
        super().__init__(f"{error}: {'; '.join(details)}" if details else error)
        self.error = error
        self.details = tuple(details)
        self.fields = fields

    def to_json(self) -> dict[str, object]:
        """The body of the answer."""
        body: dict[str, object] = {"ok": False, "error": self.error, **self.fields}
        if self.details:
            body["response_metadata"] = {"messages": [f"[ERROR] {text}" for text in self.details]}
        return body
