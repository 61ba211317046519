"""The forms of the gatekeeper: what a button opens, and what a submitted form means.

`views.open` gets a `loading_view` at once, since a trigger lives three seconds; `views.update`
then puts the form in its place. Pure functions of a card. Above: listeners. Below: `forms`,
`submissions`, `block_kit`.
"""

from agentos_bots.slack.modals.forms import (
    answer_view,
    ask_view,
    choose_view,
    label_view,
    override_view,
    reason_view,
    snooze_view,
    take_over_view,
)
from agentos_bots.slack.modals.plain_views import card_view, loading_view, notice_view
from agentos_bots.slack.modals.submissions import FieldErrors, Submission, parse_submission

__all__ = [
    "FieldErrors",
    "Submission",
    "answer_view",
    "ask_view",
    "card_view",
    "choose_view",
    "label_view",
    "loading_view",
    "notice_view",
    "override_view",
    "parse_submission",
    "reason_view",
    "snooze_view",
    "take_over_view",
]
