"""The blocks of Block Kit that we use, as plain dictionaries.

Text of others comes here escaped. `verbatim` keeps Slack from making links and mentions of plain
words. Above: cards, modals, the App Home. Below: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

Block: TypeAlias = dict[str, Any]
Style = Literal["primary", "danger"]
_MAX_RADIO = 10


def mrkdwn(text: str) -> Block:
    """A text object with Slack's markup."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain_text(text: str) -> Block:
    """A text object without markup; `:names:` stay words."""
    return {"type": "plain_text", "text": text, "emoji": False}


def header(text: str) -> Block:
    """A large line; at most 150 characters."""
    return {"type": "header", "text": plain_text(text)}


def section(text: str, accessory: Block | None = None) -> Block:
    """A paragraph, shown whole rather than behind "see more"."""
    block: Block = {"type": "section", "text": mrkdwn(text), "expand": True}
    return block if accessory is None else {**block, "accessory": accessory}


def context(*texts: str) -> Block:
    """Small grey text."""
    return {"type": "context", "elements": [mrkdwn(text) for text in texts]}


def divider() -> Block:
    """A line across."""
    return {"type": "divider"}


def actions(block_id: str, elements: Sequence[Block]) -> Block:
    """A row of buttons."""
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def button(
    action_id: str,
    text: str,
    value: str,
    *,
    style: Style | None = None,
    confirm: Block | None = None,
    label: str | None = None,
) -> Block:
    """A button; `label` is what a screen reader says of it."""
    block: Block = {
        "type": "button",
        "action_id": action_id,
        "text": plain_text(text),
        "value": value,
    }
    for name, given in (("style", style), ("confirm", confirm), ("accessibility_label", label)):
        if given is not None:
            block[name] = given
    return block


def confirm(title: str, text: str, yes: str, no: str) -> Block:
    """A question before a button counts."""
    return {
        "title": plain_text(title),
        "text": plain_text(text),
        "confirm": plain_text(yes),
        "deny": plain_text(no),
    }


def option(text: str, value: str, description: str | None = None) -> Block:
    """An entry of a menu or a list."""
    block: Block = {"text": plain_text(text), "value": value}
    return block if description is None else {**block, "description": plain_text(description)}


def overflow(action_id: str, options: Sequence[Block]) -> Block:
    """The menu behind three dots; at most five entries."""
    return {"type": "overflow", "action_id": action_id, "options": list(options)}


def input_block(
    block_id: str,
    label: str,
    element: Block,
    *,
    hint: str | None = None,
    is_optional: bool = False,
) -> Block:
    """A field of a form."""
    block: Block = {
        "type": "input",
        "block_id": block_id,
        "label": plain_text(label),
        "element": element,
        "optional": is_optional,
    }
    return block if hint is None else {**block, "hint": plain_text(hint)}


def text_input(action_id: str, *, min_length: int = 0, max_length: int, placeholder: str) -> Block:
    """Some lines to type; Slack counts `min_length` before trimming, so it must be checked again."""
    return {
        "type": "plain_text_input",
        "action_id": action_id,
        "multiline": True,
        "min_length": min_length,
        "max_length": max_length,
        "placeholder": plain_text(placeholder),
        "focus_on_load": True,
    }


def checkboxes(action_id: str, options: Sequence[Block]) -> Block:
    """Any of at most ten things."""
    return {"type": "checkboxes", "action_id": action_id, "options": list(options)}


def one_of(action_id: str, options: Sequence[Block], placeholder: str) -> Block:
    """One of several things: all of them to be seen where they are ten or fewer, else a list."""
    shown: Block = {"action_id": action_id, "options": list(options)}
    if len(options) <= _MAX_RADIO:
        return {"type": "radio_buttons", **shown}
    return {"type": "static_select", "placeholder": plain_text(placeholder), **shown}


def date_time(action_id: str, initial: int) -> Block:
    """A day and a time, in the person's zone; `initial` in seconds since 1970."""
    return {"type": "datetimepicker", "action_id": action_id, "initial_date_time": initial}


def modal(
    callback_id: str,
    title: str,
    blocks: Iterable[Block],
    *,
    metadata: str = "",
    submit: str | None = None,
    close: str = "Close",
) -> Block:
    """A modal view; with `submit` it sends `view_submission`."""
    view: Block = {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain_text(title),
        "close": plain_text(close),
        "private_metadata": metadata,
        "blocks": list(blocks),
    }
    return view if submit is None else {**view, "submit": plain_text(submit)}
