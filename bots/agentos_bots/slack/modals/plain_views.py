"""Modals that ask nothing: the one that stands in while a form is fetched, a notice, a card.

Above: listeners. Below: `cards`, `block_kit`.
"""

from __future__ import annotations

from agentos_bots.slack.actions import CallbackId, ModalContext
from agentos_bots.slack.block_kit import Block, modal, section
from agentos_bots.slack.cards.card import card_blocks
from agentos_bots.slack.documents import Card
from agentos_bots.slack.escaping import plain, prose
from agentos_bots.slack.limits import VIEW_TITLE
from agentos_bots.slack.messages import Message

_NOTICE = 2_900


def loading_view(title: str, context: ModalContext | None = None) -> Block:
    """What `views.open` shows until the form is there; it can only be closed."""
    return _view(CallbackId.LOADING, title, [section("Fetching the review…")], context)


def notice_view(title: str, message: Message | str, context: ModalContext | None = None) -> Block:
    """A message in place of a form: why it cannot be shown, or what became of it.

    A string is taken as plain words, and escaped.
    """
    blocks = (
        [section(prose(message, _NOTICE))] if isinstance(message, str) else list(message.blocks)
    )
    return _view(CallbackId.NOTICE, title, blocks, context)


def card_view(card: Card, context: ModalContext) -> Block:
    """A card in a modal, with its buttons while it is open."""
    return _view(CallbackId.CARD, f"Review {card.id}", card_blocks(card), context)


def _view(
    callback: CallbackId, title: str, blocks: list[Block], context: ModalContext | None
) -> Block:
    metadata = "" if context is None else context.to_metadata()
    return modal(callback, plain(title, VIEW_TITLE), blocks, metadata=metadata)
