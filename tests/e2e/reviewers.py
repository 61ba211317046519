"""People in Slack who review whatever waits, several at once, until nothing waits any more."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from agentos.errors import InvalidStateError, NotFoundError
from agentos.testing.slack import Message, SlackEmulator, View
from tests.e2e.gatehouse import slack_id

REASON = "The tests assert nothing about it."
FORMS = {"reject": "agentos.reject", "request_changes": "agentos.request_changes"}
LOADING = "agentos.loading"
FORM_TIMEOUT_S = 3.0
CHOSEN_FROM = 4


def cards(slack: SlackEmulator) -> list[Message]:
    """Every card in the channel, whatever it shows."""
    return slack.messages(metadata={"part": "card"})


def open_cards(slack: SlackEmulator) -> list[Message]:
    """The cards that ask for a decision."""
    return [card for card in cards(slack) if "approve" in card.buttons]


def review_of(card: Message) -> str:
    """Which review a card is about."""
    assert card.metadata is not None
    return str(card.metadata["event_payload"]["review"])


class Reviewer:
    """One person, who clicks where a card asks for it and repeats what was not recorded."""

    def __init__(self, slack: SlackEmulator, name: str, seed: int) -> None:
        self.did: Counter[str] = Counter()
        self.sent: list[tuple[str, str, str]] = []
        """Forms that the bot took: review, person and verdict. What it took must count."""
        self._name = name
        self._slack = slack
        self._user = slack_id(name)
        # What a person decides is no secret; the seed lets a failure be repeated.
        self._chance = random.Random(f"{name} {seed}")

    async def run(self, over: asyncio.Event) -> None:
        """Decide one thing after the other until `over`."""
        while not over.is_set():
            waiting = open_cards(self._slack)
            if not waiting:
                await asyncio.sleep(0.05)
                continue
            # The oldest few, so that several people often take the same one.
            await self._decide(self._chance.choice(waiting[:CHOSEN_FROM]))

    async def _decide(self, card: Message) -> None:
        verdict = self._chance.choices(["approve", *FORMS], [6, 2, 2])[0]
        try:
            click = await self._slack.click(card.snapshot(), verdict, user=self._user)
            self.did[verdict if click.acknowledged else "lost click"] += 1
            if click.acknowledged and verdict != "approve":
                await self._fill_in(review_of(card), verdict)
        except (NotFoundError, InvalidStateError):
            # Somebody else was faster, and the button or the form is gone.
            self.did["too late"] += 1
        # Slower than a machine: the card may change before the next look.
        await asyncio.sleep(self._chance.uniform(0.02, 0.1))

    async def _fill_in(self, review: str, verdict: str) -> None:
        def shown() -> View | None:
            view = self._slack.view_of(self._user)
            return view if view is not None and view.callback_id != LOADING else None

        try:
            await self._slack.wait_until(shown, FORM_TIMEOUT_S)
        except TimeoutError:
            self.did["no form"] += 1
        else:
            view = shown()
            assert view is not None
            if view.callback_id == FORMS[verdict]:
                sent = await self._slack.submit(view, {"reason": REASON})
                self.did["sent" if sent.is_closed else "not sent"] += 1
                if sent.is_closed:
                    self.sent.append((review, self._name, verdict))
            else:
                self.did["told why not"] += 1
        left = self._slack.view_of(self._user)
        if left is not None:
            await self._slack.close(left)
