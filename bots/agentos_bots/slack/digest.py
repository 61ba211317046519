"""The digest: once a day, what waits for a person, in a direct message.

Above: the process that posts. Below: `queue_lines`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from agentos_bots.slack.block_kit import Block, context, header, section
from agentos_bots.slack.cards.lines import count
from agentos_bots.slack.documents import WaitingPage
from agentos_bots.slack.messages import Message
from agentos_bots.slack.queue_lines import counted, is_overdue, queue_line
from agentos_bots.slack.times import in_words

_SHOWN: Final = 12


def render_digest(waiting: WaitingPage, now: datetime) -> Message | None:
    """What waits at `now`, late ones first; None where nothing waits, since no news needs none."""
    if not waiting.reviews:
        return None
    n_all = max(sum(waiting.n_open.values()), len(waiting.reviews))
    late = sum(1 for one in waiting.reviews if is_overdue(one, now))
    overdue = f", {late:,} overdue" if late else ""
    text = f"{count(n_all, 'decision waits', 'decisions wait')} for you{overdue}"
    blocks = [header(text), *_entries(waiting, now, n_all)]
    blocks.append(context(f"As of {in_words(now)}. Open the app's Home tab to decide."))
    return Message(text, blocks)


def render_queue(waiting: WaitingPage, now: datetime) -> Message:
    """The answer to `/agentos queue`."""
    n_all = max(sum(waiting.n_open.values()), len(waiting.reviews))
    total = counted(waiting.n_open)
    text = f"Waiting for you: {total}" if total else "Nothing waits for you."
    return Message(text, [section(text), *_entries(waiting, now, n_all)])


def _entries(waiting: WaitingPage, now: datetime, n_all: int) -> list[Block]:
    ordered = sorted(waiting.reviews, key=lambda one: not is_overdue(one, now))
    blocks = [section(queue_line(one, now)) for one in ordered[:_SHOWN]]
    n_more = n_all - len(blocks)
    if n_more > 0:
        blocks.append(context(f"… {n_more:,} more in the app's Home tab"))
    return blocks
