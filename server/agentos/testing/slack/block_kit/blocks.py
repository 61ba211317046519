"""Block Kit's blocks with their documented limits, and what must be unique among them.

Known are actions, context, divider, header, image, input, markdown, rich_text and section; any
other type is refused as one that Slack does not know. Source: the reference of Slack's Block Kit.
`surfaces` says how many of which go into a message or a view.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from agentos.testing.slack.block_kit.elements import (
    IMAGE,
    IN_ACTIONS,
    IN_INPUT,
    IN_SECTION,
)
from agentos.testing.slack.block_kit.fields import (
    Field,
    anything,
    boolean,
    both,
    by_type,
    integer,
    items,
    plain_text,
    problem,
    record,
    string,
    text,
)

_ID: Mapping[str, Field] = {"block_id": string(most=255, least=1)}


def _says_something(value: Any, path: str) -> Iterator[str]:
    if "text" not in value and "fields" not in value:
        yield problem("must have text or fields", path)


def _has_one_source(value: Any, path: str) -> Iterator[str]:
    if ("image_url" in value) == ("slack_file" in value):
        yield problem("must have either image_url or slack_file", path)


def _has_unique_action_ids(value: Any, path: str) -> Iterator[str]:
    named = Counter(element.get("action_id") for element in value["elements"])
    for action_id, n in named.items():
        if action_id is not None and n > 1:
            yield problem(f'`action_id` "{action_id}" already exists', f"{path}/elements")


def _text_or_image(value: Any, path: str) -> Iterator[str]:
    is_image = isinstance(value, dict) and value.get("type") == "image"
    yield from _IMAGE_ELEMENT(value, path) if is_image else text(2000)(value, path)


_IMAGE_ELEMENT = both(IMAGE, _has_one_source)

# Styled text within rich text; its leaves are many and Slack's own editor writes most of them.
_RICH_LEAF = by_type(
    {
        "text": record({"text": string(most=3000, least=1)}, {"style": anything}),
        "link": record(
            {"url": string(most=3000, least=1)},
            {"text": string(most=3000), "unsafe": boolean, "style": anything},
        ),
        "emoji": record({"name": string(most=255)}, {"unicode": anything, "style": anything}),
        "user": record({"user_id": string(most=255)}, {"style": anything}),
        "usergroup": record({"usergroup_id": string(most=255)}, {"style": anything}),
        "channel": record({"channel_id": string(most=255)}, {"style": anything}),
        "date": record(
            {"timestamp": integer(0, 9_999_999_999), "format": string(most=255)},
            {"url": string(most=3000), "fallback": string(most=255), "style": anything},
        ),
        "broadcast": record({"range": string(most=20)}, {"style": anything}),
        "color": record({"value": string(most=20)}, {"style": anything}),
    },
    "rich text",
)
_LEAVES: Mapping[str, Field] = {"elements": items(_RICH_LEAF, most=1000, least=0)}
_RICH_SECTION = record(_LEAVES)
_RICH_PARTS = by_type(
    {
        "rich_text_section": _RICH_SECTION,
        "rich_text_quote": record(_LEAVES, {"border": integer(0, 1)}),
        "rich_text_preformatted": record(
            _LEAVES, {"border": integer(0, 1), "language": string(most=50)}
        ),
        "rich_text_list": record(
            {
                "elements": items(by_type({"rich_text_section": _RICH_SECTION}, "item"), most=1000),
                "style": string(most=10),
            },
            {
                "indent": integer(0, 8),
                "offset": integer(0, 1_000_000),
                "border": integer(0, 1),
            },
        ),
    },
    "rich text",
)

MESSAGE_ONLY: Mapping[str, Field] = {
    # The limit holds for all markdown blocks of a message together; `surfaces` adds them up.
    "markdown": record({"text": string(most=12_000, least=1)}, _ID),
}
EVERYWHERE: Mapping[str, Field] = {
    "actions": both(record({"elements": items(IN_ACTIONS, most=25)}, _ID), _has_unique_action_ids),
    "context": record({"elements": items(_text_or_image, most=10)}, _ID),
    "divider": record({}, _ID),
    "header": record({"text": plain_text(150)}, _ID),
    "image": both(
        record(
            {"alt_text": string(most=2000)},
            {
                **_ID,
                "image_url": string(most=3000, least=1),
                "slack_file": anything,
                "title": plain_text(2000),
            },
        ),
        _has_one_source,
    ),
    "input": record(
        {"label": plain_text(2000), "element": IN_INPUT},
        {**_ID, "hint": plain_text(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "rich_text": record({"elements": items(_RICH_PARTS, most=1000)}, _ID),
    "section": both(
        record(
            {},
            {
                **_ID,
                "text": text(3000),
                "fields": items(text(2000), most=10),
                "accessory": IN_SECTION,
                "expand": boolean,
            },
        ),
        _says_something,
    ),
}


def has_unique_block_ids(blocks: Any, path: str) -> Iterator[str]:
    """Which ids of blocks occur twice."""
    seen: set[str] = set()
    for number, block in enumerate(blocks):
        block_id = block.get("block_id")
        if block_id in seen:
            yield problem(f'`block_id` "{block_id}" already exists', f"{path}/{number}/block_id")
        elif block_id is not None:
            seen.add(block_id)
