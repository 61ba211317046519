"""What a review looks like in a channel: its card, and what is said in its thread.

Pure functions of `documents.Card`. Above: the process that posts and updates messages. Below:
`escaping`, `limits`, `block_kit`.
"""

from agentos_bots.slack.cards.card import card_blocks, fallback, render_card
from agentos_bots.slack.cards.findings import render_findings
from agentos_bots.slack.cards.thread import (
    render_answer,
    render_escalation,
    render_question,
    render_reminder,
    render_stale,
)

__all__ = [
    "card_blocks",
    "fallback",
    "render_answer",
    "render_card",
    "render_escalation",
    "render_findings",
    "render_question",
    "render_reminder",
    "render_stale",
]
