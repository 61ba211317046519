"""The findings in the thread of a card: each with severity, what is wrong, and where.

Above: the process that posts. Below: `lines`.
"""

from __future__ import annotations

from typing import Final

from agentos_bots.slack.block_kit import context, section
from agentos_bots.slack.cards.lines import by_severity, count, finding_line, linked, tally
from agentos_bots.slack.documents import Card, Finding
from agentos_bots.slack.escaping import prose
from agentos_bots.slack.limits import width
from agentos_bots.slack.messages import Message, ThreadPart

MAX_PARTS: Final = 4
"""Messages that one card's findings may fill; the link leads to the rest."""
_PER_PART: Final = 25
_PART_TEXT: Final = 8_500
_MESSAGE: Final = 600


def render_findings(card: Card) -> tuple[ThreadPart, ...]:
    """The findings as messages of the thread, the blocking ones first; none where there is none."""
    rendered = [(one, _paragraph(one)) for one in by_severity(card.findings)]
    parts: list[ThreadPart] = []
    while rendered and len(parts) < MAX_PARTS:
        n = _n_fitting([line for _, line in rendered])
        shown, rendered = rendered[:n], rendered[n:]
        left = len(rendered) if len(parts) + 1 == MAX_PARTS else 0
        parts.append(_part(card, shown, len(parts), left))
    return tuple(parts)


def _paragraph(one: Finding) -> str:
    said = f"\n>{prose(one.message, _MESSAGE)}" if one.claim else ""
    return finding_line(one) + said


def _n_fitting(lines: list[str]) -> int:
    left, n = _PART_TEXT, 0
    for line in lines[:_PER_PART]:
        left -= width(line)
        if left < 0:
            break
        n += 1
    return max(n, 1)


def _part(card: Card, shown: list[tuple[Finding, str]], n_before: int, n_left: int) -> ThreadPart:
    number = f" ({n_before + 1})" if n_before else ""
    blocks = [section(f"*Findings{number}:* {tally([one for one, _ in shown])}")]
    blocks += [section(line) for _, line in shown]
    if n_left:
        blocks.append(context(f"… {linked(card, count(n_left, 'more finding'))}"))
    text = f"{count(len(card.findings), 'finding')} on {prose(card.title, 150)}"
    part = "findings" if n_before == 0 else f"findings:{n_before + 1}"
    return ThreadPart(part, Message(text, blocks))
