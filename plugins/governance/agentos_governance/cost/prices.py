"""What tokens cost: a table of list prices and exact sums over it.

Above: record_usage, cost reports. Below: `prices.json`. Amounts are exact decimals: prices have at
most four decimals per million tokens, so a sum has at most ten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from importlib import resources
from typing import Any

from agentos import InvalidArgumentError, digest_of
from agentos_governance.contracts.model import MAX_USD, usd_text

TOKENS_PER_PRICE = 1_000_000
MAX_TOKENS = 2**53 - 1
_MAX_PRICE_DECIMALS = 4
# Providers append the date of a snapshot: claude-sonnet-4-5-20250929, gpt-5-2025-08-07.
_SNAPSHOT = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$", re.ASCII)


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """USD per million input, output and cached input tokens of one model."""

    input: Decimal
    output: Decimal
    cached: Decimal
    is_frontier: bool = False


@dataclass(frozen=True)
class PriceTable:
    """Prices by model name; a dated snapshot costs what its model costs."""

    models: Mapping[str, ModelPrice]
    effective_from: str = ""
    """The day (YYYY-MM-DD) from which these prices hold; empty where nobody said."""

    @cached_property
    def version(self) -> str:
        """The day and the digest of the whole table; equal for equal prices only."""
        return f"{self.effective_from or 'undated'}+{digest_of(self.document())}"

    def document(self) -> dict[str, Any]:
        """The table in the form of `prices.json`."""
        return {
            "effective_from": self.effective_from,
            "models": {
                name: {
                    "input": usd_text(price.input),
                    "output": usd_text(price.output),
                    "cached": usd_text(price.cached),
                    "is_frontier": price.is_frontier,
                }
                for name, price in sorted(self.models.items())
            },
        }

    def find(self, model: str) -> ModelPrice | None:
        """The model's price, or None for a model the table does not know."""
        return self.models.get(model) or self.models.get(_SNAPSHOT.sub("", model))

    def is_frontier(self, model: str) -> bool:
        """Whether the table marks the model as one of the most capable and expensive."""
        price = self.find(model)
        return price is not None and price.is_frontier

    def merged(self, other: PriceTable) -> PriceTable:
        """Both tables; `other` wins where they name the same model."""
        effective_from = max(self.effective_from, other.effective_from)
        return PriceTable({**self.models, **other.models}, effective_from)

    def price_of(
        self, model: str, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0
    ) -> Decimal:
        """USD for one request, exact.

        `input_tokens` includes `cached_input_tokens`, the part read from the provider's cache.
        Raises InvalidArgumentError for an unknown model and for counts that cannot be.
        """
        price = self.find(model)
        if price is None:
            raise InvalidArgumentError(
                f"no price is known for model {model[:200]!r}",
                remedy="pass cost_usd with this usage, as a decimal string in USD",
            )
        counts = (input_tokens, output_tokens, cached_input_tokens)
        if any(not 0 <= count <= MAX_TOKENS for count in counts):
            raise InvalidArgumentError(f"token counts must be 0 to {MAX_TOKENS}")
        if cached_input_tokens > input_tokens:
            raise InvalidArgumentError(
                "cached_input_tokens exceeds input_tokens, of which it is a part",
                remedy="report input_tokens with the cached ones included",
            )
        return (
            price.input * (input_tokens - cached_input_tokens)
            + price.cached * cached_input_tokens
            + price.output * output_tokens
        ) / TOKENS_PER_PRICE


def parse_price_table(document: Mapping[str, Any]) -> PriceTable:
    """A table from the form of `prices.json`; raises InvalidArgumentError naming a bad price."""
    models = document.get("models")
    if not isinstance(models, Mapping):
        raise InvalidArgumentError("a price table has a mapping `models`")
    return PriceTable(
        {name: _model_price(name, entry) for name, entry in models.items()},
        _effective_from(document.get("effective_from", "")),
    )


@cache
def default_price_table() -> PriceTable:
    """The table that ships with the plugin; its month is in `prices.json`."""
    text = resources.files("agentos_governance.cost").joinpath("prices.json").read_text("utf-8")
    return parse_price_table(json.loads(text))


def price_of(
    model: str, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0
) -> Decimal:
    """USD for one request by the default table; see `PriceTable.price_of`."""
    return default_price_table().price_of(model, input_tokens, output_tokens, cached_input_tokens)


def _effective_from(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"(\d{4}-\d{2}-\d{2})?", value, re.ASCII):
        raise InvalidArgumentError("effective_from of a price table must be a day, YYYY-MM-DD")
    return value


def _model_price(name: str, entry: object) -> ModelPrice:
    if not isinstance(entry, Mapping):
        raise InvalidArgumentError(f"prices of {name!r}: not a mapping")
    return ModelPrice(
        input=_price(name, entry, "input"),
        output=_price(name, entry, "output"),
        cached=_price(name, entry, "cached"),
        is_frontier=entry.get("is_frontier") is True,
    )


def _price(name: str, entry: Mapping[str, object], key: str) -> Decimal:
    text = entry.get(key)
    form = rf"[0-9]{{1,9}}(\.[0-9]{{1,{_MAX_PRICE_DECIMALS}}})?"
    if not isinstance(text, str) or not re.fullmatch(form, text):
        raise InvalidArgumentError(
            f"prices of {name!r}: {key} must be a decimal string with at most "
            f"{_MAX_PRICE_DECIMALS} decimals"
        )
    return min(Decimal(text), MAX_USD)
