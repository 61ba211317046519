"""A message as Slack takes it: text for notifications and screen readers, and blocks.

Above: the process that posts and updates. Below: `block_kit`.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agentos import canonical_json, sha256_hex
from agentos_bots.slack.block_kit import Block


@dataclass(frozen=True, slots=True)
class Message:
    """What is shown; `text` says the same in a line, where blocks are not shown."""

    text: str
    blocks: Sequence[Block]

    @property
    def plain_text(self) -> str:
        """`text` without Slack's escapes, for an error under a field, which shows them."""
        return html.unescape(self.text)

    @property
    def digest(self) -> str:
        """The same for the same words and blocks: by it a bot sees whether Slack shows them."""
        return sha256_hex(canonical_json({"text": self.text, "blocks": list(self.blocks)}))

    def arguments(self) -> dict[str, Any]:
        """Arguments of `chat.postMessage` and `chat.postEphemeral`: links stay unopened."""
        return {**self.update_arguments(), "unfurl_links": False, "unfurl_media": False}

    def update_arguments(self) -> dict[str, Any]:
        """Arguments of `chat.update`, which knows nothing of unfurling."""
        return {"text": self.text, "blocks": list(self.blocks), "parse": "none"}


@dataclass(frozen=True, slots=True)
class ThreadPart:
    """A message in the thread of a card, with the name under which it is posted once."""

    part: str
    message: Message
