"""Issue 6: what a contract asks of its review, and that nothing below it asks for less."""

from __future__ import annotations

from typing import Any

import pytest

from agentos import InvalidArgumentError
from agentos_governance.contracts.model import (
    Contract,
    contract_digest,
    contract_document,
    parse_contract,
)
from agentos_governance.contracts.narrowing import find_amendment_excess, find_child_excess


def _contract(**review: Any) -> Contract:
    return parse_contract({"review": review})


def test_contracts_without_the_new_fields_keep_the_version_they_have() -> None:
    # As stored by versions before reviewers, roles and times could be set.
    assert contract_digest(Contract()) == "sha256:9f2d4404704a1c7b"
    assert contract_document(Contract())["review"] == {
        "required": True,
        "quorum": 1,
        "by": "either",
    }
    assert contract_digest(_contract(reviewers=None, sticky=None)) == contract_digest(Contract())
    assert contract_digest(_contract(sticky=False)) != contract_digest(Contract())


def test_a_stored_contract_reads_back_as_it_was() -> None:
    contract = _contract(
        quorum=2,
        reviewers=["anna", "role:security"],
        roles={"security": 1},
        sticky=True,
        remind_after_s=[60, 120],
        escalate_after_s=90,
        expire_after_s=600,
    )
    assert parse_contract(contract_document(contract)) == contract


@pytest.mark.parametrize(
    ("review", "said"),
    [
        ({"reviewers": []}, "review.reviewers"),
        ({"reviewers": ["anna"], "quorum": 2}, "cannot be reached"),
        ({"roles": {"Security": 1}}, "review.roles"),
        ({"roles": {"security": 0}}, "review.roles"),
        ({"roles": {"security": 1}, "by": "persona"}, "roles are persons'"),
        ({"remind_after_s": [60, 60]}, "must ascend"),
        ({"expire_after_s": 0}, "review.expire_after_s"),
        ({"expires_after_s": 60}, "review.expires_after_s"),
    ],
)
def test_a_review_that_nobody_could_pass_is_no_contract(review: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        _contract(**review)


@pytest.mark.parametrize(
    ("child", "parent", "said"),
    [
        ({"reviewers": ["ben"]}, {"reviewers": ["anna"]}, "'ben' is not among the reviewers"),
        ({}, {"reviewers": ["anna"]}, "'anybody' is not among the reviewers"),
        ({}, {"roles": {"security": 1}}, "it needs 1 of the role 'security'"),
        ({"roles": {"security": 1}}, {"roles": {"security": 2}}, "it needs 2"),
        ({"sticky": True}, {}, "hold for later packets"),
        ({}, {"sticky": False}, "hold for later packets"),
        ({"expire_after_s": 61}, {"expire_after_s": 60}, "its expire_after_s is longer"),
        ({}, {"expire_after_s": 60}, "its expire_after_s is longer"),
        ({}, {"escalate_after_s": 60}, "its escalate_after_s is longer"),
        ({"remind_after_s": [90]}, {"remind_after_s": [60]}, "fewer reminders"),
        ({}, {"remind_after_s": [60]}, "remind_after_s is missing"),
        ({"required": False}, {"reviewers": ["anna"]}, "a review is required"),
    ],
)
def test_neither_a_child_nor_a_new_version_asks_for_less(
    child: dict[str, Any], parent: dict[str, Any], said: str
) -> None:
    for find in (find_child_excess, find_amendment_excess):
        [excess] = find(_contract(**child), _contract(**parent))
        assert excess.field == "review" and said in excess.reason_in_full


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        ({"reviewers": ["anna"]}, {}),
        ({"reviewers": ["anna"]}, {"reviewers": ["anna", "role:security"]}),
        ({"roles": {"security": 2, "data": 1}}, {"roles": {"security": 1}}),
        ({"sticky": False}, {}),
        ({"sticky": False}, {"sticky": True}),
        ({}, {"sticky": True}),
        ({"expire_after_s": 60, "escalate_after_s": 30}, {}),
        ({"remind_after_s": [30, 60]}, {"remind_after_s": [60]}),
        ({}, {"required": False, "reviewers": ["anna"]}),
    ],
)
def test_asking_for_as_much_or_more_is_within(
    child: dict[str, Any], parent: dict[str, Any]
) -> None:
    assert find_child_excess(_contract(**child), _contract(**parent)) == []


def test_a_refusal_shows_what_both_ask_for() -> None:
    [excess] = find_child_excess(
        _contract(sticky=True, expire_after_s=90), _contract(reviewers=["anna"], roles={"ops": 1})
    )
    assert excess.value == "1 by either, sticky, expire_after_s 90"
    assert excess.limit == "1 by either, of [anna], 1 as ops"
