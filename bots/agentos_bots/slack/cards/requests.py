"""What an agent asks for, shown whole where it fits: a plan, a call, options, a question.

Above: `card`. Below: `escaping`. What did not fit is told, and the buttons then ask once more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agentos_bots.slack.block_kit import Block, section
from agentos_bots.slack.cards.lines import count, linked
from agentos_bots.slack.documents import (
    ActionRequest,
    Card,
    ChoiceRequest,
    LabelRequest,
    Option,
)
from agentos_bots.slack.escaping import code, code_block, prose, quote_lines
from agentos_bots.slack.limits import fit, width

_SECTION: Final = 2_900
_ARGUMENTS: Final = 2_900
_NOTE: Final = 420
"""Room for the note that something was cut, with its link."""


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """The blocks of a request, and whether all of it is in them."""

    blocks: tuple[Block, ...]
    is_whole: bool


def shown_request(card: Card, room: int) -> ShownRequest:
    """The request of a card in `room` characters; nothing and whole where the card has none."""
    request = card.request
    if request is None:
        return ShownRequest((), True)
    if request.kind == "approve_plan":
        return _quoted(card, request.plan, room)
    if request.kind == "authorize_action":
        return _call(card, request)
    if request.kind == "provide_context":
        return _quoted(card, request.question, room)
    return _choice(card, request, room)


def option_lines(options: Sequence[Option], limit: int) -> list[str]:
    """One line an option: its label and detail."""
    lines = [
        f"• *{prose(one.label, 90)}*" + (f" - {prose(one.detail, 250)}" if one.detail else "")
        for one in options
    ]
    return fit(lines, limit, lambda n: f"… {count(n, 'more option')}")


def _call(card: Card, request: ActionRequest) -> ShownRequest:
    arguments = json.dumps(request.arguments, indent=2, sort_keys=True, ensure_ascii=False)
    block, is_cut = code_block(arguments, _ARGUMENTS)
    digest = code(request.arguments_sha256[:12], 20)
    why = f"*Asked because of* {code(request.rule, 120)}: {prose(request.reason, 400)}"
    blocks = [
        section(f"*Call:* {code(request.tool, 120)} with arguments {digest}\n{why}"),
        section(block),
    ]
    if is_cut:
        blocks.append(section(_cut_note(card)))
    return ShownRequest(tuple(blocks), not is_cut)


def _choice(card: Card, request: ChoiceRequest | LabelRequest, room: int) -> ShownRequest:
    options = request.options if request.kind == "choose_option" else request.labels
    lines = option_lines(options, min(_SECTION, room * 2 // 3))
    question = _quoted(card, request.question, room - width("\n".join(lines)))
    listed = (section("\n".join(lines)),) if lines else ()
    return ShownRequest((*question.blocks, *listed), question.is_whole)


def _quoted(card: Card, text: str, limit: int) -> ShownRequest:
    sections: list[list[str]] = [[]]
    left, room = limit - _NOTE, _SECTION
    for line in quote_lines(text, 700, limit):
        size = width(line) + 1
        if size > left:
            note = section(_cut_note(card))
            return ShownRequest((*_sections(sections), note), False)
        if size > room:
            sections.append([])
            room = _SECTION
        sections[-1].append(line)
        left, room = left - size, room - size
    return ShownRequest(_sections(sections), True)


def _sections(lines: Sequence[Sequence[str]]) -> tuple[Block, ...]:
    return tuple(section("\n".join(one)) for one in lines if one)


def _cut_note(card: Card) -> str:
    return f"*… not all of it fits here.* {linked(card, 'Read all of it before you decide')}"
