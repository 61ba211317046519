"""Prices are exact, and an unknown model is never free."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from agentos.errors import InvalidArgumentError
from agentos_governance.contracts.model import parse_contract, usd_text
from agentos_governance.cost.prices import default_price_table, parse_price_table, price_of


def test_a_request_costs_the_exact_sum() -> None:
    assert price_of("claude-sonnet-4-5", 1_000_000, 1_000_000) == Decimal(18)
    assert price_of("gpt-5", 1, 0) == Decimal("0.00000125")
    assert price_of("gpt-5", 1000, 10, 400) == Decimal("0.0009")
    assert price_of("gpt-5", 0, 0) == 0


def test_a_dated_snapshot_costs_what_its_model_costs() -> None:
    dated = ("claude-sonnet-4-5-20250929", "gpt-5-2025-08-07")
    for name, model in zip(dated, ("claude-sonnet-4-5", "gpt-5"), strict=True):
        assert price_of(name, 10, 10) == price_of(model, 10, 10)


def test_an_unknown_model_asks_for_its_cost() -> None:
    with pytest.raises(InvalidArgumentError) as refusal:
        price_of("mystery-1", 1, 1)
    assert refusal.value.remedy is not None and "cost_usd" in refusal.value.remedy


@pytest.mark.parametrize("counts", [(-1, 0, 0), (0, -1, 0), (1, 0, 2), (2**53, 0, 0)])
def test_counts_that_cannot_be_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidArgumentError):
        price_of("gpt-5", *counts)


def test_every_price_of_one_token_fits_a_budget() -> None:
    for model in default_price_table().models:
        amount = price_of(model, 1, 1, 1)
        assert parse_contract({"cost_budget_usd": usd_text(amount)}).cost_budget_usd == amount


def test_the_default_table_knows_which_models_are_frontier() -> None:
    kinds = {price.is_frontier for price in default_price_table().models.values()}
    assert kinds == {True, False}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"models": {"m": {"input": 1, "output": "1", "cached": "1"}}},
        {"models": {"m": {"input": "-1", "output": "1", "cached": "1"}}},
        {"models": {"m": {"input": "1.00001", "output": "1", "cached": "1"}}},
        {"models": {"m": {"input": "1", "output": "1"}}},
        {"models": {"m": None}},
    ],
)
def test_a_table_with_a_bad_price_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        parse_price_table(document)
