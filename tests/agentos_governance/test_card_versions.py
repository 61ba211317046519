"""The version of a card is never newer than what the card shows (issue 6)."""

from __future__ import annotations

from typing import Any

import pytest

from agentos import Settings
from agentos_governance.review_cards.cards import get_card
from tests.agentos_governance.lifecycle import Office, open_office

pytestmark = pytest.mark.anyio


class _DecidedMeanwhile:
    """A reader before whose n-th read somebody approves."""

    def __init__(self, office: Office, order: str, sha256: str, before: int) -> None:
        self._office = office
        self._vote = (order, sha256)
        self._left = before

    async def _next(self) -> None:
        self._left -= 1
        if self._left == 0:
            await self._office.vote("reviewer", *self._vote)

    async def fetch(self, *query: Any) -> Any:
        await self._next()
        return await self._office.kernel.database.fetch(*query)

    async def fetch_row(self, *query: Any) -> Any:
        await self._next()
        return await self._office.kernel.database.fetch_row(*query)

    async def fetch_value(self, *query: Any) -> Any:
        await self._next()
        return await self._office.kernel.database.fetch_value(*query)


@pytest.mark.parametrize("before", range(1, 6))
async def test_a_card_that_is_read_during_a_decision_is_not_taken_for_the_decided_one(
    settings: Settings, before: int
) -> None:
    """Who shows it under its version shows it again when the decision's version comes."""
    async with open_office(settings) as office:
        order = await office.create()
        await office.claim("w1", order)
        submitted = await office.submit("w1", order)
        (waiting,) = (await office.call("admin", "list_waiting"))["reviews"]
        reader: Any = _DecidedMeanwhile(office, order, submitted["packet_sha256"], before)
        torn = await get_card(office.kernel, reader, waiting["id"])
        decided = await office.call("admin", "get_review_card", review=waiting["id"])
        assert decided["state"] == "ended"
        assert torn.state == "ended" or torn.version < decided["version"]
