"""Reading what a bot shows: its texts as a person sees them, and its structure as Slack does.

`structure` is all that Slack's mrkdwn would act on in a text: were a worker's words able to add to
it, they could speak for the card.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentos.testing.slack.block_kit import (
    MAX_MESSAGE_CHARACTERS,
    check_blocks,
    message_length,
)
from agentos_bots.slack.block_kit import Block
from agentos_bots.slack.limits import MESSAGE_TEXT, width
from agentos_bots.slack.messages import Message

_CODE = re.compile(r"```\n.*?\n```|`[^`\n]+`", re.DOTALL)
_ELEMENT = re.compile(r"<[^<>\n]*>")
_EMOJI = re.compile(r":(?:100|1234|(?!\d+:)[\w+'-]+):")
# Within a word an underscore is one; only at its edge does Slack take it for italics.
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_DATE = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")
_LINK = re.compile(r"<(https?://[^|>]*)\|([^>]*)>")


def texts(part: Any) -> Iterator[str]:
    """Every text object's text, in order."""
    if isinstance(part, Mapping):
        if part.get("type") in ("mrkdwn", "plain_text"):
            yield part["text"]
        else:
            for value in part.values():
                yield from texts(value)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for item in part:
            yield from texts(item)


def mrkdwn_texts(part: Any) -> list[str]:
    """The texts that Slack reads as mrkdwn."""
    if isinstance(part, Mapping):
        if part.get("type") == "mrkdwn":
            return [part["text"]]
        return [text for value in part.values() for text in mrkdwn_texts(value)]
    if isinstance(part, Sequence) and not isinstance(part, str):
        return [text for item in part for text in mrkdwn_texts(item)]
    return []


def structure(text: str) -> tuple[Any, ...]:
    """What Slack would act on: elements, emoji, quotes, lines, and every character of markup."""
    elements = _ELEMENT.findall(text)
    bare = _CODE.sub("C", _ELEMENT.sub("E", text))
    return (
        elements,
        _EMOJI.findall(bare),
        [line.startswith(">") for line in bare.split("\n")],
        *(bare.count(sign) for sign in "*~`<>"),
        len(_EDGE_UNDERSCORE.findall(bare)),
        len(_CODE.findall(text)),
    )


def shown(part: Any) -> str:
    """All texts as a person reads them: without markup, links with their address."""
    return "\n".join(_seen(text) for text in texts(part))


def as_text(message: Message) -> str:
    """A message as plain lines, for the docs: a block a paragraph, buttons in brackets."""
    return "\n".join(line for block in message.blocks for line in _lines(block))


def _lines(block: Block) -> list[str]:
    if block["type"] == "header":
        return [f"# {block['text']['text']}"]
    if block["type"] == "actions":
        return ["  ".join(_button(element) for element in block["elements"])]
    return [line for text in texts(block) for line in _seen(text).split("\n")]


def _button(element: Block) -> str:
    if element["type"] == "overflow":
        return "[...: " + " | ".join(one["text"]["text"] for one in element["options"]) + "]"
    return f"[{element['text']['text']}]"


def _seen(text: str) -> str:
    text = _LINK.sub(r"\2", _DATE.sub(r"\1", text))
    return html.unescape(text.replace("*", "").replace(":no_entry:", "(!)"))


def assert_valid(message: Message) -> None:
    """Slack would take it, and it is within what we allow ourselves."""
    blocks = list(message.blocks)
    assert check_blocks(blocks) == []
    assert message_length(blocks) <= MAX_MESSAGE_CHARACTERS
    assert 0 < width(message.text) <= 3_000
    assert sum(width(text) for text in texts(blocks)) + width(message.text) <= MESSAGE_TEXT
    for text in [message.text, *mrkdwn_texts(blocks)]:
        assert_whole(text)
    json.dumps(blocks).encode()


def assert_whole(text: str) -> None:
    """No escape, element or span of code was cut through."""
    bare = _ELEMENT.sub("", text)
    assert "<" not in bare, text
    quoted = "\n".join(line.removeprefix(">") for line in bare.split("\n"))
    assert ">" not in quoted, text
    assert not re.search(r"&(?!(amp|lt|gt);)", bare), text
    assert _CODE.sub("", text).count("`") == 0, text
    text.encode("utf-8")
