"""Contracts: what is accepted, what is refused, and how a version is named."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from agentos.errors import InvalidArgumentError
from agentos_governance.contracts.model import (
    Contract,
    contract_digest,
    contract_document,
    parse_contract,
    usd_text,
)


def test_an_empty_contract_allows_nothing_and_requires_a_review() -> None:
    contract = parse_contract({})
    assert (contract.allowed_roots, contract.allowed_tools) == ([], [])
    assert contract.cost_budget_usd == 0
    assert contract.review.required
    assert contract.lease_ttl_s == 300


def test_a_contract_survives_json_with_its_money_exact() -> None:
    contract = parse_contract({"allowed_roots": ["src/"], "cost_budget_usd": "0.1000000001"})
    document = contract_document(contract)
    assert document["cost_budget_usd"] == "0.1000000001"
    assert parse_contract(json.dumps(document)) == contract
    assert parse_contract(document) == contract


def test_equal_contracts_have_equal_versions_however_money_is_written() -> None:
    one, other = ({"cost_budget_usd": text} for text in ("1.50", "1.5"))
    assert contract_digest(parse_contract(one)) == contract_digest(parse_contract(other))
    assert contract_digest(parse_contract(one)) != contract_digest(parse_contract({}))
    assert contract_digest(parse_contract({})).startswith("sha256:")
    assert len(contract_digest(parse_contract({}))) == len("sha256:") + 16


def test_constraints_that_are_no_rules_are_refused_with_entry_and_column() -> None:
    with pytest.raises(InvalidArgumentError, match=r"constraints\[1\]:1:1"):
        parse_contract({"constraints": ["ALLOW read", "deny all"]})
    rules = ["ALLOW operation IF risk_score < 0.5", "LIMIT calls(Bash) TO 20 PER 60s"]
    assert parse_contract({"constraints": rules}).constraints == rules


@pytest.mark.parametrize(
    "root",
    ["/etc", "..", "src/../..", "a/../b", "", "src//app", "./src", "~/x", "C:\\x", "a\\b", "a\0b"],
)
def test_a_root_that_is_not_plainly_inside_the_repository_is_refused(root: str) -> None:
    with pytest.raises(InvalidArgumentError, match="allowed_roots"):
        parse_contract({"allowed_roots": [root]})


@pytest.mark.parametrize("root", [".", "src", "src/", "a/b.py", "tests/**/*.py", "docs/*.md"])
def test_files_directories_and_globs_are_roots(root: str) -> None:
    assert parse_contract({"allowed_roots": [root]}).allowed_roots == [root]


@pytest.mark.parametrize(
    "amount", ["-1", "1e3", "NaN", "Infinity", "", "1.00000000001", 0.5, True, None, "1\n", "٣"]
)
def test_an_amount_that_is_not_an_exact_decimal_is_refused(amount: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="cost_budget_usd"):
        parse_contract({"cost_budget_usd": amount})


@pytest.mark.parametrize(
    "field",
    [
        {"unknown": 1},
        {"allowed_tools": ["x" * 501]},
        {"allowed_tools": ["x"] * 201},
        {"allowed_tools": [""]},
        {"allowed_tools": ["\ud800"]},
        {"allowed_tools": "Edit"},
        {"evidence_required": ["Not a kind"]},
        {"lease_ttl_s": 0},
        {"lease_ttl_s": 86_401},
        {"token_budget": -1},
        {"token_budget": "5"},
        {"review": {"quorum": 0}},
        {"review": {"by": "nobody"}},
        {"network": "no"},
    ],
)
def test_a_field_out_of_its_bounds_is_refused_by_name(field: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match=next(iter(field))):
        parse_contract(field)


def test_a_contract_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        setattr(parse_contract({}), "network", True)  # noqa: B010


def test_the_json_schema_names_money_as_text() -> None:
    schema = Contract.model_json_schema()
    assert schema["properties"]["cost_budget_usd"]["type"] == "string"


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1.50", "1.5"), ("100", "100"), ("0.00", "0"), ("1E+2", "100"), ("0.0000000001",) * 2],
)
def test_amounts_are_written_plainly(amount: str, text: str) -> None:
    assert usd_text(Decimal(amount)) == text
