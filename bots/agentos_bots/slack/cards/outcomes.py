"""How a review stands, in words: open by kind, or ended in one of the five ways.

Only two of the five are a person's decision; the words of the other three never say that somebody
refused. Above: cards, the App Home, the digest. Below: `escaping`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from agentos_bots.slack.documents import Card, Kind, Option, Outcome, Verdict
from agentos_bots.slack.escaping import prose

EXPIRED: Final = "Expired: nobody decided in time; refused"
CANCELLED: Final = "Cancelled: nothing was decided"
SUPERSEDED: Final = "Superseded: something newer took its place; nothing was decided about this"

_WANTED: Final[Mapping[Kind, str]] = {
    "work": "Review",
    "authorize_action": "May it act?",
    "approve_plan": "Plan",
    "choose_option": "Choose",
    "provide_context": "Context needed",
    "label_outcome": "Label",
}
_ASKED: Final[Mapping[Kind, str]] = {
    "work": "Is this work done? Approve it, request changes or reject it.",
    "authorize_action": "May this very call happen, once? Approve or reject it.",
    "approve_plan": "May it be done this way? Approve, request changes or reject.",
    "choose_option": "Which of these? Choose one, or reject the question.",
    "provide_context": "The agent cannot know this by itself. Answer, or reject the question.",
    "label_outcome": "What was this outcome? Label it, or reject the question.",
}
_ANSWERED: Final[Mapping[Kind, str]] = {
    "choose_option": "Chosen",
    "provide_context": "Answered",
    "label_outcome": "Labelled",
}
_UNDECIDED: Final[Mapping[Outcome, str]] = {
    "expired": EXPIRED,
    "cancelled": CANCELLED,
    "superseded": SUPERSEDED,
}
_VOTED: Final[Mapping[Verdict, str]] = {
    "approve": "approves",
    "request_changes": "requests changes",
    "reject": "rejects",
    "answer": "answered",
}


def headline(card: Card) -> str:
    """The word or two before the title: what is wanted, or how it ended."""
    return wanted(card.kind) if card.outcome is None else ended(card)


def wanted(kind: Kind) -> str:
    """What a waiting review of that kind is called."""
    return _WANTED[kind]


def asked(kind: Kind) -> str:
    """What a person is asked to do, in one line."""
    return _ASKED[kind]


def voted(verdict: Verdict) -> str:
    """What one person says, after their name."""
    return _VOTED[verdict]


def ended(card: Card) -> str:
    """The word for how it ended."""
    if card.outcome == "approved":
        return _ANSWERED.get(card.kind, "Approved")
    if card.outcome == "rejected":
        return "Changes requested" if card.verdict == "request_changes" else "Rejected"
    return (card.outcome or "open").capitalize()


def outcome_sentence(card: Card) -> str:
    """How it ended and by whose decision, escaped; of the five outcomes no two read alike."""
    assert card.outcome is not None
    if card.outcome in _UNDECIDED:
        reason = f" ({prose(card.reason, 500)})" if card.reason else ""
        return _UNDECIDED[card.outcome] + reason + "."
    by = f"{ended(card)} by {_deciders(card)}"
    said = _answer(card) or (prose(card.reason, 1_500) if card.reason else "")
    return f"{by}: {said}" if said else f"{by}."


def _deciders(card: Card) -> str:
    voters = [vote.person for vote in card.votes if vote.verdict == card.verdict]
    names = list(dict.fromkeys([*voters, *([card.decided_by] if card.decided_by else [])]))
    shown = [prose(name, 80) for name in names[:5]]
    if len(names) > 5:
        shown.append(f"{len(names) - 5} more")
    return " and ".join(shown) or "a person"


def _answer(card: Card) -> str:
    if card.answer is None or card.outcome != "approved":
        return ""
    answer, request = card.answer, card.request
    if answer.option is not None and request is not None and request.kind == "choose_option":
        return _label(request.options, answer.option)
    if answer.label is not None and request is not None and request.kind == "label_outcome":
        return _label(request.labels, answer.label)
    return prose(answer.text or answer.option or answer.label or "", 1_500)


def _label(options: Sequence[Option], chosen: str) -> str:
    return prose(next((one.label for one in options if one.id == chosen), chosen), 200)
