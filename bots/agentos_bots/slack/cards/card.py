"""The card: all that a lead needs to decide in thirty seconds, in the order in which they ask.

What is wanted and of what; who did it and under which contract; whether something blocks; the diff
and what it reaches; gates and findings; cost; who has voted and who is still needed; since when and
until when; the digest. It is rendered from a committed document and nothing else, and the same
document gives the same bytes. Above: the process that posts, and modals that show a card. Below:
`lines`, `requests`, `buttons`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agentos_bots.slack.block_kit import Block, context, header, section
from agentos_bots.slack.cards import lines
from agentos_bots.slack.cards.buttons import card_buttons
from agentos_bots.slack.cards.outcomes import asked, headline, outcome_sentence
from agentos_bots.slack.cards.requests import shown_request
from agentos_bots.slack.documents import Card
from agentos_bots.slack.escaping import plain, prose
from agentos_bots.slack.limits import HEADER_TEXT, MESSAGE_TEXT, text_width
from agentos_bots.slack.messages import Message
from agentos_bots.slack.times import duration, in_words

_SHOWN_FINDINGS: Final = 4
_FALLBACK_AND_BUTTONS: Final = 1_400
_LONGEST_REQUEST: Final = 8_000


def render_card(card: Card, newer: str | None = None) -> Message:
    """The message of a review as it stands; without buttons once it has an outcome.

    `newer` is where Slack shows the card that superseded it.
    """
    return Message(fallback(card), card_blocks(card, newer))


def card_blocks(card: Card, newer: str | None = None) -> list[Block]:
    """The card's blocks, for a message or a modal."""
    opening = f"*{asked(card.kind)}*" if card.is_open else outcome_sentence(card)
    if card.superseded_by is not None:
        opening += f"\n*Now:* {lines.newer(card.superseded_by, newer)}"
    above = [
        header(_title(card)),
        *_sections([[opening], [_alert(card)]]),
        *_sections([[lines.who_worked(card), lines.contract(card)]]),
    ]
    below = [
        *_sections(_facts(card)),
        context(lines.timing(card) if card.is_open else _closing(card)),
        context(lines.identity(card)),
    ]
    room = MESSAGE_TEXT - text_width([*above, *below]) - _FALLBACK_AND_BUTTONS
    request = shown_request(card, min(room, _LONGEST_REQUEST))
    return [*above, *request.blocks, *below, *card_buttons(card, is_whole=request.is_whole)]


def fallback(card: Card) -> str:
    """The card in one line: what notifications show and screen readers say."""
    parts = [f"{headline(card)}: {prose(card.title, 150)}"]
    if not card.is_open:
        return f"{parts[0]}. {outcome_sentence(card)}"
    if card.workers:
        parts.append(f"by {prose(card.workers[0].worker, 80)}")
    if card.n_blocking:
        parts.append(lines.count(card.n_blocking, "blocking finding"))
    if card.diff is not None:
        parts.append(lines.count(card.diff.files, "file"))
    parts.append(f"waiting {duration(card.waiting_s)}")
    if card.due_at is not None:
        parts.append(f"due {in_words(card.due_at)}")
    if card.needs:
        parts.append(f"needed: {prose(card.needs, 150)}")
    return " · ".join(parts)


def _title(card: Card) -> str:
    lead = f"{headline(card)}: "
    return lead + plain(card.title, HEADER_TEXT - len(lead))


def _alert(card: Card) -> str | None:
    if not card.is_open or not card.n_blocking:
        return None
    are = "finding is" if card.n_blocking == 1 else "findings are"
    return (
        f":no_entry: *{card.n_blocking:,} blocking {are} open.* Approving needs an override reason."
    )


def _facts(card: Card) -> list[list[str | None]]:
    if card.kind != "work":
        has_votes = bool(card.votes or card.needs)
        votes = lines.votes(card) if has_votes else None
        return [[lines.cost(card), lines.questions(card), votes]]
    changed = card.what_changed if card.is_open else None
    return [
        [lines.diff(card), lines.blast_radius(card)],
        [lines.changes(card, changed) if changed else None],
        [lines.gates(card), lines.findings(card, _SHOWN_FINDINGS, 1_300)],
        [lines.cost(card), lines.questions(card), lines.votes(card)],
    ]


def _sections(paragraphs: Sequence[Sequence[str | None]]) -> list[Block]:
    texts = ["\n".join(line for line in one if line) for one in paragraphs]
    return [section(text) for text in texts if text]


def _closing(card: Card) -> str:
    at = f" · ended {in_words(card.decided_at)}" if card.decided_at else ""
    return f"Waited {duration(card.waiting_s)}{at}"
