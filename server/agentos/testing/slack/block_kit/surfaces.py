"""What a message and a view may hold: the rules of Block Kit, applied where blocks are shown.

The Web API refuses what these functions complain about; `check_blocks` and `check_view` are public
so that code which makes cards can be tested without a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentos.testing.slack.block_kit.blocks import (
    EVERYWHERE,
    MESSAGE_ONLY,
    has_unique_block_ids,
)
from agentos.testing.slack.block_kit.fields import (
    Field,
    boolean,
    both,
    by_type,
    choice,
    items,
    plain_text,
    problem,
    record,
    string,
)

# Undocumented; measured by others for messages of markdown blocks: 13,297 characters pass, and a
# divider beside them costs 125 (slackapi/bolt-js#2509). Other blocks fail below 12,000 characters
# of text for the same reason (slackapi/bolt-js#2867).
MAX_MESSAGE_CHARACTERS = 13_200
CHARACTERS_PER_BLOCK = 125
MAX_MARKDOWN_CHARACTERS = 12_000
MAX_VIEW_BYTES = 250_000

_IN_MESSAGE = by_type({**EVERYWHERE, **MESSAGE_ONLY}, "block")
_IN_VIEW = by_type(EVERYWHERE, "block")
_MESSAGE_BLOCKS = both(items(_IN_MESSAGE, most=50, least=0), has_unique_block_ids)
_VIEW_BLOCKS = both(items(_IN_VIEW, most=100, least=0), has_unique_block_ids)
_VIEW: Mapping[str, Field] = {
    "private_metadata": string(most=3000),
    "callback_id": string(most=255),
    "external_id": string(most=255),
}


def _can_be_submitted(view: Any, path: str) -> Iterator[str]:
    if "submit" not in view and any(block.get("type") == "input" for block in view["blocks"]):
        yield problem("must define `submit` to use an input block in modals", path)


_MODAL = both(
    record(
        {"title": plain_text(24), "blocks": _VIEW_BLOCKS},
        {
            **_VIEW,
            "close": plain_text(24),
            "submit": plain_text(24),
            "clear_on_close": boolean,
            "notify_on_close": boolean,
            "submit_disabled": boolean,
        },
    ),
    _can_be_submitted,
)
_HOME = record({"blocks": _VIEW_BLOCKS}, _VIEW)


def check_blocks(blocks: object) -> list[str]:
    """What is wrong with the blocks of a message; nothing where Slack would take them.

    Not the total length, which has an error of its own: `message_length`.
    """
    found = list(_MESSAGE_BLOCKS(blocks, "/blocks"))
    if not found and isinstance(blocks, list):
        written = [block["text"] for block in blocks if block["type"] == "markdown"]
        if sum(map(len, written)) > MAX_MARKDOWN_CHARACTERS:
            found.append(problem("markdown text exceeds 12000 characters in all", "/blocks"))
    return found


def check_view(view: object, *, kind: str) -> list[str]:
    """What is wrong with a view that is to be shown as a `modal` or as the `home` tab."""
    rules = _MODAL if kind == "modal" else _HOME
    found = list(record_type(kind)(view, "/view"))
    return found or list(rules(view, "/view"))


def record_type(kind: str) -> Field:
    """An object of one type."""

    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield problem("must be an object", path)
        else:
            yield from choice(kind)(value.get("type"), f"{path}/type")

    return check


def message_length(blocks: Sequence[Mapping[str, Any]]) -> int:
    """The length of a message as its total limit counts it: every text, and something per block."""
    return sum(text_length(block) for block in blocks) + CHARACTERS_PER_BLOCK * len(blocks)


def text_length(part: object) -> int:
    """The characters that people read in a part of a message."""
    return sum(map(len, texts_of(part)))


def texts_of(part: object) -> Iterator[str]:
    """Every text that people read in a part of a message or a view, in order."""
    if isinstance(part, list):
        for item in part:
            yield from texts_of(item)
    elif isinstance(part, dict):
        for name, value in part.items():
            if isinstance(value, dict | list):
                yield from texts_of(value)
            elif name in ("text", "alt_text") and isinstance(value, str):
                yield value
