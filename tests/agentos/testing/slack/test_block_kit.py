"""Block Kit's limits: what fits passes, one character or item more is refused (issue 6).

Each row of the table is valid with its number and invalid with the next one. Source of the numbers:
the reference of Slack's Block Kit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agentos.testing.slack import check_blocks, check_view, message_length
from tests.agentos.testing.slack.review_app import CARD, MENU, REASON

Shape = dict[str, Any]


def plain(n: int) -> Shape:
    return {"type": "plain_text", "text": "x" * n}


def marked(n: int) -> Shape:
    return {"type": "mrkdwn", "text": "x" * n}


def section(**more: Any) -> Shape:
    return {"type": "section", "text": marked(1), **more}


def actions(*elements: Shape) -> Shape:
    return {"type": "actions", "elements": list(elements)}


def button(**more: Any) -> Shape:
    return {"type": "button", "text": plain(1), "action_id": "a", **more}


def entry(element: Shape, **more: Any) -> Shape:
    return {"type": "input", "label": plain(1), "element": element, **more}


def options(n: int) -> list[Shape]:
    return [{"text": plain(1), "value": str(number)} for number in range(n)]


def option(**more: Any) -> Shape:
    return {"text": plain(1), "value": "v", **more}


def select(**more: Any) -> Shape:
    return {"type": "static_select", "action_id": "s", **more}


def typed(**more: Any) -> Shape:
    return {"type": "plain_text_input", "action_id": "t", **more}


def confirm(**more: Any) -> Shape:
    shape = {"title": plain(1), "text": plain(1), "confirm": plain(1), "deny": plain(1)}
    return button(confirm={**shape, **more})


def image(**more: Any) -> Shape:
    return {"type": "image", "image_url": "https://example.com/a", "alt_text": "a", **more}


LIMITS: dict[str, tuple[int, Callable[[int], Shape]]] = {
    "header": (150, lambda n: {"type": "header", "text": plain(n)}),
    "section text": (3000, lambda n: section(text=marked(n))),
    "section fields": (10, lambda n: section(fields=[marked(1)] * n)),
    "section field": (2000, lambda n: section(fields=[marked(n)])),
    "block id": (255, lambda n: section(block_id="x" * n)),
    "context elements": (10, lambda n: {"type": "context", "elements": [marked(1)] * n}),
    "markdown": (12_000, lambda n: {"type": "markdown", "text": "x" * n}),
    "image alt": (2000, lambda n: image(alt_text="x" * n)),
    "image url": (3000, lambda n: image(image_url="x" * n)),
    "image title": (2000, lambda n: image(title=plain(n))),
    "actions": (25, lambda n: actions(*(button(action_id=str(one)) for one in range(n)))),
    "action id": (255, lambda n: actions(button(action_id="x" * n))),
    "button text": (75, lambda n: actions(button(text=plain(n)))),
    "button value": (2000, lambda n: actions(button(value="x" * n))),
    "button url": (3000, lambda n: actions(button(url="x" * n))),
    "button label": (75, lambda n: actions(button(accessibility_label="x" * n))),
    "confirm title": (100, lambda n: actions(confirm(title=plain(n)))),
    "confirm text": (300, lambda n: actions(confirm(text=plain(n)))),
    "confirm yes": (30, lambda n: actions(confirm(confirm=plain(n)))),
    "confirm no": (30, lambda n: actions(confirm(deny=plain(n)))),
    "options": (100, lambda n: actions(select(options=options(n)))),
    "option text": (75, lambda n: actions(select(options=[option(text=plain(n))]))),
    "option value": (150, lambda n: actions(select(options=[option(value="x" * n)]))),
    "option description": (
        75,
        lambda n: actions(select(options=[option(description=plain(n))])),
    ),
    "option groups": (
        100,
        lambda n: actions(
            select(
                option_groups=[
                    {"label": plain(1), "options": [option(value=str(one))]} for one in range(n)
                ]
            )
        ),
    ),
    "placeholder": (
        150,
        lambda n: actions(select(options=options(1), placeholder=plain(n))),
    ),
    "overflow": (
        5,
        lambda n: actions({"type": "overflow", "action_id": "o", "options": options(n)}),
    ),
    "radio buttons": (
        10,
        lambda n: actions({"type": "radio_buttons", "action_id": "r", "options": options(n)}),
    ),
    "checkboxes": (
        10,
        lambda n: entry({"type": "checkboxes", "action_id": "c", "options": options(n)}),
    ),
    "selected at most": (
        100,
        lambda n: entry(
            {
                "type": "multi_static_select",
                "action_id": "m",
                "options": options(1),
                "max_selected_items": n,
            }
        ),
    ),
    "label": (2000, lambda n: entry(typed(), label=plain(n))),
    "hint": (2000, lambda n: entry(typed(), hint=plain(n))),
    "typed": (3000, lambda n: entry(typed(max_length=n))),
    "typed before": (5, lambda n: entry(typed(max_length=5, initial_value="x" * n))),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_reaches_a_limit_passes_and_what_exceeds_it_does_not(name: str) -> None:
    limit, made = LIMITS[name]
    assert check_blocks([made(limit)]) == []
    problems = check_blocks([made(limit + 1)])
    assert len(problems) == 1 and "[json-pointer:/blocks" in problems[0]


WRONG: dict[str, tuple[Shape, str]] = {
    "an unknown block": ({"type": "carousel"}, "unsupported block type: carousel"),
    "no type": ({}, "unsupported block type: None"),
    "an unknown property": (section(colour="red"), "invalid additional property: colour"),
    "a missing property": ({"type": "header"}, "missing required field: text"),
    "an empty text": (section(text=marked(0)), "must be more than 0 characters"),
    "a header with markup": ({"type": "header", "text": marked(1)}, "unsupported text type"),
    "nothing said": ({"type": "section"}, "must have text or fields"),
    "no element": (actions(), "no fewer than 1 items allowed"),
    "an input among actions": (actions(typed()), "unsupported element type: plain_text_input"),
    "a button as input": (entry(button()), "unsupported element type: button"),
    "an action id twice": (actions(button(), button()), "already exists"),
    "a style of its own": (actions(button(style="warning")), "must be one of primary, danger"),
    "no options": (actions(select()), "must have either options or option_groups"),
    "a value twice": (actions(select(options=options(1) * 2)), "option values must be unique"),
    "a start elsewhere": (
        actions(select(options=options(1), initial_option=option())),
        "initial option must be one of the options",
    ),
    "impossible lengths": (
        entry(typed(min_length=9, max_length=5)),
        "min_length must be less than max_length",
    ),
    "an image from nowhere": (
        {"type": "image", "alt_text": "a"},
        "must have either image_url or slack_file",
    ),
    "a number as text": (section(text={"type": "mrkdwn", "text": 5}), "must be a string"),
    "a flag as text": (entry(typed(multiline="yes")), "must be a boolean"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_slack_does_not_know_is_refused_with_the_reason(name: str) -> None:
    block, reason = WRONG[name]
    problems = check_blocks([block])
    assert len(problems) == 1 and reason in problems[0]


def test_the_elements_of_a_review_card_and_of_its_modals_pass() -> None:
    rich = {"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}
    blocks = [
        *CARD,
        {"type": "divider"},
        section(accessory=button()),
        {"type": "context", "elements": [image(), plain(1)]},
        {"type": "rich_text", "elements": [rich]},
        entry({"type": "datepicker", "action_id": "d", "initial_date": "2026-01-05"}),
        entry({"type": "users_select", "action_id": "u"}, optional=True),
        entry({"type": "number_input", "action_id": "n", "is_decimal_allowed": False}),
    ]
    assert check_blocks(blocks) == []


def test_a_message_holds_fifty_blocks_and_a_view_a_hundred() -> None:
    divider = {"type": "divider"}
    assert check_blocks([divider] * 50) == []
    assert check_blocks([divider] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]
    home = {"type": "home", "blocks": [divider] * 100}
    assert check_view(home, kind="home") == []
    home["blocks"] = [divider] * 101
    assert check_view(home, kind="home")


def test_a_block_id_stands_once() -> None:
    twice = [section(block_id="b"), section(block_id="b")]
    assert "already exists" in check_blocks(twice)[0]


def test_markdown_blocks_share_one_limit() -> None:
    half = {"type": "markdown", "text": "x" * 6_001}
    assert check_blocks([half]) == []
    assert "12000" in check_blocks([half, half])[0]


def test_the_length_of_a_message_counts_texts_and_blocks() -> None:
    """13,297 characters passed in one markdown block, and 13,172 beside a divider (bolt-js#2509)."""
    text = {"type": "markdown", "text": "x" * 1_000}
    with_divider = message_length([text, {"type": "divider"}])
    assert with_divider - message_length([text]) == 125
    assert message_length([text]) == 1_125


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"title": plain(25)}, "must be less than 25 characters"),
        ({"submit": plain(25)}, "must be less than 25 characters"),
        ({"close": plain(25)}, "must be less than 25 characters"),
        ({"private_metadata": "x" * 3001}, "must be less than 3001 characters"),
        ({"callback_id": "x" * 256}, "must be less than 256 characters"),
        ({"external_id": "x" * 256}, "must be less than 256 characters"),
        ({"type": "dialog"}, "must be one of modal"),
        ({"blocks": [{"type": "markdown", "text": "x"}]}, "unsupported block type: markdown"),
        ({"submit": None}, "must define `submit`"),
        ({"title": None}, "missing required field: title"),
    ],
)
def test_a_modal_is_refused_for_what_slack_refuses(change: Shape, reason: str) -> None:
    view = {name: part for name, part in {**REASON, **change}.items() if part is not None}
    problems = check_view(view, kind="modal")
    assert len(problems) == 1 and reason in problems[0]


def test_a_modal_at_its_limits_passes() -> None:
    view = {
        **REASON,
        "title": plain(24),
        "submit": plain(24),
        "close": plain(24),
        "private_metadata": "x" * 3000,
    }
    assert check_view(view, kind="modal") == []
    assert check_view({"type": "home", "blocks": [actions(MENU)]}, kind="home") == []
    assert check_view({"type": "home", "blocks": [], "title": plain(1)}, kind="home")
