"""The buttons of an open review; each carries which review it is and the digest of what was shown.

Above: `card`, the App Home's modal. Below: `actions`, `block_kit`.
"""

from __future__ import annotations

from agentos_bots.slack.actions import (
    CARD_ACTIONS,
    ActionId,
    MenuChoice,
    MenuValue,
    ReviewRef,
)
from agentos_bots.slack.block_kit import Block, Style, actions, button, confirm, option, overflow
from agentos_bots.slack.documents import Card

_MENU = {
    MenuChoice.ASK: "Ask a question…",
    MenuChoice.TAKE_OVER: "Take over…",
    MenuChoice.SNOOZE_HOUR: "Snooze for 1 hour",
    MenuChoice.SNOOZE_TOMORROW: "Snooze until tomorrow",
    MenuChoice.SNOOZE_UNTIL: "Snooze until…",
}


def card_buttons(card: Card, *, is_whole: bool) -> tuple[Block, ...]:
    """The row of buttons, or nothing once there is an outcome.

    `is_whole` false: the card could not show all that is decided about, so a decision in favour
    asks for confirmation first.
    """
    if not card.is_open:
        return ()
    ref = ReviewRef(card.id, card.sha256)
    value = ref.to_value()
    menu = overflow(ActionId.MORE, [_entry(choice, ref) for choice in MenuChoice])
    elements = [_favour(card, value, is_whole=is_whole)]
    if card.kind in ("work", "approve_plan"):
        elements.append(button(ActionId.REQUEST_CHANGES, "Request changes", value))
    elements.append(button(ActionId.REJECT, "Reject", value, style="danger"))
    return (actions(CARD_ACTIONS, [*elements, menu]),)


def _favour(card: Card, value: str, *, is_whole: bool) -> Block:
    action, text = _favour_of(card)
    style: Style = "primary"
    unseen = confirm(
        "Not all of it was shown",
        "This card shows only a part of what you decide about. Decide all the same?",
        "Yes, decide",
        "Go back",
    )
    asks = None if is_whole or action is not ActionId.APPROVE else unseen
    return button(action, text, value, style=style, confirm=asks)


def _favour_of(card: Card) -> tuple[ActionId, str]:
    if card.kind == "choose_option":
        return ActionId.CHOOSE, "Choose…"
    if card.kind == "provide_context":
        return ActionId.ANSWER, "Answer…"
    if card.kind == "label_outcome":
        return ActionId.LABEL, "Label…"
    if card.n_blocking > 0:
        return ActionId.APPROVE_OVERRIDING, "Approve with reason…"
    return ActionId.APPROVE, "Approve"


def _entry(choice: MenuChoice, ref: ReviewRef) -> Block:
    return option(_MENU[choice], MenuValue(choice, ref).to_value())
