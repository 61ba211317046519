"""What an action will probably cost: a range from the price table and from what it cost before.

Above: estimate_cost. Below: prices, the ledger. Nothing is held: an estimate promises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agentos import Database, InvalidArgumentError, NotFoundError
from agentos_governance.contracts.model import MAX_USD
from agentos_governance.cost.budgets import sql
from agentos_governance.cost.prices import PriceTable

HISTORY_ENTRIES = 1_000
MIN_ENTRIES = 5
"""Fewer entries of a model say less than those of the action with any model."""
_PLACES = ("low", "likely", "high")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about one call; token counts where the caller knows them."""

    action: str
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """USD for one call, and on what the figures are based."""

    low_usd: Decimal
    likely_usd: Decimal
    high_usd: Decimal
    basis: str
    n_entries: int
    price_version: str | None = None

    def times(self, n_calls: int) -> Estimate:
        """The same for several calls."""
        usd = (self.low_usd, self.likely_usd, self.high_usd)
        low, likely, high = (min(each * n_calls, MAX_USD) for each in usd)
        return Estimate(low, likely, high, self.basis, self.n_entries, self.price_version)

    def below(self, ceiling_usd: Decimal) -> Estimate:
        """The same for a tool that never costs more than its ceiling."""
        return Estimate(
            min(self.low_usd, ceiling_usd),
            min(self.likely_usd, ceiling_usd),
            ceiling_usd,
            f"{self.basis}; the tool's ceiling",
            self.n_entries,
            self.price_version,
        )


async def estimate(
    database: Database, prices: PriceTable, asked: Question, ceiling_usd: Decimal | None
) -> Estimate:
    """The range for one call of the action.

    `ceiling_usd` is the `max_cost_usd` of a tool of that name. Raises NotFoundError where neither
    tokens, history nor a ceiling say anything, InvalidArgumentError for tokens without a model.
    """
    history = await _history(database, asked.action, None)
    found: Estimate | None
    if asked.input_tokens is not None or asked.output_tokens is not None:
        found = _from_tokens(prices, asked, history)
    else:
        found = await _from_history(database, prices, asked, history)
    if found is None and ceiling_usd is None:
        raise NotFoundError(
            f"nothing was ever booked for the action {asked.action!r}",
            remedy="pass model, input_tokens and output_tokens",
        )
    if found is None:
        assert ceiling_usd is not None
        return Estimate(Decimal(0), ceiling_usd, ceiling_usd, "the tool's ceiling", 0)
    return found if ceiling_usd is None else found.below(ceiling_usd)


async def _history(database: Database, action: str, model: str | None) -> Mapping[str, Any]:
    row = await database.fetch_row(sql.usage_history, action, model, HISTORY_ENTRIES)
    assert row is not None
    return dict(row)


def _from_tokens(prices: PriceTable, asked: Question, history: Mapping[str, Any]) -> Estimate:
    if asked.model is None:
        raise InvalidArgumentError("tokens are priced by model; pass `model`")
    n_entries = history["n_entries"]
    missing = [
        name
        for name, value in (("input", asked.input_tokens), ("output", asked.output_tokens))
        if value is None
    ]
    if missing and not n_entries:
        raise InvalidArgumentError(
            f"argument `{missing[0]}_tokens` is needed: nothing was ever booked for the action "
            f"{asked.action!r}"
        )
    low, likely, high = (
        _price(prices, asked, history, place, is_cached=place == "low") for place in _PLACES
    )
    basis = "the price table for the given tokens (low: all input from the cache)"
    if missing:
        basis += f", {missing[0]} tokens as in {n_entries} entries of this action"
    return Estimate(low, likely, high, basis, n_entries if missing else 0, prices.version)


def _price(
    prices: PriceTable, asked: Question, history: Mapping[str, Any], place: str, *, is_cached: bool
) -> Decimal:
    """The price of the given tokens; those not given are as many as the history has at `place`."""
    assert asked.model is not None
    inputs = asked.input_tokens if asked.input_tokens is not None else history[f"{place}_input"]
    outputs = asked.output_tokens
    if outputs is None:
        outputs = history[f"{place}_output"]
    cached = inputs if is_cached else min(asked.cached_input_tokens, inputs)
    return prices.price_of(
        asked.model, inputs, outputs, 0 if place == "high" and not is_cached else cached
    )


async def _from_history(
    database: Database, prices: PriceTable, asked: Question, history: Mapping[str, Any]
) -> Estimate | None:
    if not history["n_entries"]:
        return None
    if asked.model is None:
        return _as_booked(history, f"{history['n_entries']} entries of this action")
    own = await _history(database, asked.action, asked.model)
    is_enough = own["n_entries"] >= min(MIN_ENTRIES, history["n_entries"])
    if is_enough or prices.find(asked.model) is None:
        chosen = own if own["n_entries"] else history
        who = "this action and model" if own["n_entries"] else "this action with other models"
        return _as_booked(chosen, f"{chosen['n_entries']} entries of {who}")
    low, likely, high = (
        _price(prices, asked, history, place, is_cached=place == "low") for place in _PLACES
    )
    return Estimate(
        low,
        likely,
        high,
        f"the price table for the tokens of {history['n_entries']} entries of this action with "
        "other models",
        history["n_entries"],
        prices.version,
    )


def _as_booked(history: Mapping[str, Any], what: str) -> Estimate:
    return Estimate(
        history["low_usd"],
        history["likely_usd"],
        history["high_usd"],
        f"{what} (10th, 50th and 90th percentile)",
        history["n_entries"],
    )
