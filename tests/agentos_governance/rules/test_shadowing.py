"""Statements that can never decide anything are found, and those that can are not."""

from __future__ import annotations

import random

import pytest

from agentos_governance.rules import (
    Policy,
    compile_policy,
    format_policy,
    parse_policy,
    policy_warnings,
)
from agentos_governance.rules.tree import rule_id
from tests.agentos_governance.rules.policies import SCHEMA, Maker


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("ALLOW read\nDENY", ["#1"]),
        ("ALLOW read\nDENY read", ["#1"]),
        ("a: ASK run_command\nDENY operation", ["a"]),
        ("ALLOW run_command IF flag\nASK run_command", ["#1"]),
        ("ALLOW run_command\nALLOW run_command", ["#2"]),
        ("ALLOW run_command\nALLOW", ["#1"]),
        ('DENY "run_*"\nALLOW run_command IF flag', ["#2"]),
        ("ALLOW write IF flag\nDENY write IF flag", ["#1"]),
        ("LIMIT calls(Bash) TO 0 PER claim", ["#1"]),
        ("ALLOW read\nDENY write", []),
        ("ALLOW\nDENY write\nASK IF flag", []),
        ("ALLOW IF flag\nDENY IF NOT flag", []),
        ('ALLOW "run_*"\nDENY run_command', []),
        ("DENY IF flag\nALLOW", []),
    ],
)
def test_a_rule_that_others_hide_is_told(text: str, hidden: list[str]) -> None:
    assert [each.rule_id for each in policy_warnings(parse_policy(text))] == hidden


def test_a_rule_that_is_told_changes_no_decision() -> None:
    maker = Maker(random.Random(11))
    n_told = 0
    for _ in range(400):
        policy = parse_policy(format_policy(maker.policy(max_statements=8)))
        compiled = compile_policy(policy, SCHEMA)
        for told in policy_warnings(policy):
            if "limit" in told.problem:
                continue
            n_told += 1
            without = compile_policy(_without(policy, told.rule_id), SCHEMA)
            for _ in range(5):
                facts, history = maker.facts(), maker.history(policy)
                decision = compiled.decide(facts, history)
                if not decision.missing:
                    assert without.effect(facts, history) is decision.effect
    assert n_told > 50


def _without(policy: Policy, hidden: str) -> Policy:
    kept = [
        each for number, each in enumerate(policy.statements, 1) if rule_id(each, number) != hidden
    ]
    return Policy(tuple(kept))
