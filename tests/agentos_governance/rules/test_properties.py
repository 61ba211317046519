"""What holds for every policy: it prints as itself, and all ways to decide it agree."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agentos import Effect
from agentos_governance.rules import (
    Policy,
    PolicyError,
    compile_policy,
    diff_policies,
    format_policy,
    parse_policy,
    policy_hash,
)
from agentos_governance.rules.words import KEYWORDS
from tests.agentos_governance.rules.policies import SCHEMA, Maker
from tests.agentos_governance.rules.reference import Reference

checked = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=100)
makers = st.randoms(use_true_random=False).map(Maker)


@checked
@given(makers)
def test_every_policy_parses_to_what_it_prints(maker: Maker) -> None:
    policy = maker.policy()
    text = format_policy(policy)
    parsed = parse_policy(text)
    assert parsed == policy
    assert format_policy(parsed) == text
    assert policy_hash(parsed) == policy_hash(policy)
    assert diff_policies(policy, parsed) == ()
    assert all(len(line) <= 100 or "  " in line or '"' in line for line in text.splitlines())


@checked
@given(makers)
def test_fast_slow_and_plain_evaluation_agree(maker: Maker) -> None:
    _compare(maker, n_calls=4)


def test_fast_slow_and_plain_evaluation_agree_on_thousands_of_calls() -> None:
    maker = Maker(random.Random(20261121))
    effects = [effect for _ in range(600) for effect in _compare(maker, n_calls=5)]
    shares = {effect: effects.count(effect) / len(effects) for effect in Effect}
    # Without a share of each, agreement would say little.
    assert min(shares.values()) > 0.02, shares


@pytest.mark.nightly
def test_all_ways_to_decide_agree_on_a_hundred_thousand_calls() -> None:
    maker = Maker(random.Random(3))
    for _ in range(10_000):
        _compare(maker, n_calls=10)


@pytest.mark.nightly
def test_fifty_thousand_damaged_policies_are_policies_or_errors() -> None:
    """Issue 3: no crash, and no policy that parses to something other than it prints."""
    maker = Maker(random.Random(4))
    for _ in range(5_000):
        text = format_policy(maker.policy())
        for _ in range(10):
            with contextlib.suppress(PolicyError):
                _print_as_itself(parse_policy(damaged(maker.rng, text)))


def _compare(maker: Maker, n_calls: int) -> list[Effect]:
    policy = maker.policy()
    compiled = compile_policy(policy, SCHEMA)
    effects: list[Effect] = []
    for _ in range(n_calls):
        facts, history = maker.facts(), maker.history(policy)
        expected = Reference(SCHEMA, facts, history).effect(policy)
        decision = compiled.decide(facts, history)
        assert compiled.effect(facts, history) is expected, format_policy(policy)
        assert decision.effect is expected, format_policy(policy)
        assert decision.is_default == (not decision.determining)
        assert all(each.effect is expected or each.missing for each in decision.determining)
        effects.append(expected)
    return effects


@checked
@given(makers)
def test_order_of_statements_decides_nothing(maker: Maker) -> None:
    policy = maker.policy()
    shuffled = list(policy.statements)
    maker.rng.shuffle(shuffled)
    other = compile_policy(Policy(tuple(shuffled)), SCHEMA)
    compiled = compile_policy(policy, SCHEMA)
    for _ in range(4):
        facts, history = maker.facts(), maker.history(policy)
        assert compiled.effect(facts, history) is other.effect(facts, history)


@checked
@given(makers)
def test_taking_a_fact_away_never_turns_a_refusal_into_permission(maker: Maker) -> None:
    policy = maker.policy()
    if "has(" in format_policy(policy):
        return
    compiled = compile_policy(policy, SCHEMA)
    facts, history = maker.facts(), maker.history(policy)
    before = compiled.effect(facts, history)
    for name in list(facts):
        fewer = {key: value for key, value in facts.items() if key != name}
        assert compiled.effect(fewer, history) in {before, Effect.DENY}


@checked
@given(makers)
def test_limits_counted_are_the_same_with_and_without_reasons(maker: Maker) -> None:
    policy = maker.policy()
    compiled = compile_policy(policy, SCHEMA)
    facts, history = maker.facts(), maker.history(policy)
    decision = compiled.decide(facts, history)
    if not decision.missing:
        assert decision.limits == compiled.limits_for(facts, history)


WORDS = st.sampled_from(
    [
        *sorted(KEYWORDS),
        "read",
        "operation",
        "tool.writes",
        "risk",
        "path",
        "x-y",
        "has",
        "count",
        "happened",
        "calls",
        "(",
        ")",
        "[",
        "]",
        ",",
        ":",
        "==",
        "<=",
        "<",
        '"a*"',
        "1",
        "0.5",
        "60s",
        "claim",
        "work_order",
        "#",
        "\n",
        "\n",
        " ",
        "\r\n",
        "\t",
        "true",
        "-",
        "\\",
        '"',
    ]
)


@checked
@given(st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=25).map(" ".join)))
@example("\ufeffALLOW read")
@example("ALLOW\rDENY")
@example("\n\nALLOW # amid the first\n  read")
@example("# one\n\nALLOW # amid\n # and this\n\n read # end\n\n\n# last")
@example("(" * 5_000)
@example("DENY IF " + "NOT " * 5_000 + "flag")
@example("DENY IF " + "(" * 32 + "flag" + ")" * 32)
@example("DENY IF flag" + " AND flag" * 10_000)
@example('DENY IF worker == "' + "a" * 200_000)
@example("ALLOW read\n" * 2_000)
@example("x" * 200_000)
@example("1" * 100_000)
@example("DENY IF worker == \ud800")
def test_any_text_is_a_policy_that_prints_as_itself_or_a_policy_error(text: str) -> None:
    with contextlib.suppress(PolicyError):
        _print_as_itself(parse_policy(text))


@checked
@given(st.binary(max_size=60))
@example(b"ALLOW read\nDENY \xc3\x28")
@example(b"\xff\xfeA\x00")
def test_any_bytes_are_a_policy_or_a_policy_error(data: bytes) -> None:
    with contextlib.suppress(PolicyError):
        _print_as_itself(parse_policy(data))


@checked
@given(makers)
def test_a_damaged_policy_is_a_policy_that_prints_as_itself_or_a_policy_error(
    maker: Maker,
) -> None:
    text = format_policy(maker.policy())
    for _ in range(10):
        with contextlib.suppress(PolicyError):
            _print_as_itself(parse_policy(damaged(maker.rng, text)))


def damaged(rng: random.Random, text: str) -> str:
    """The text with a few characters or words cut, doubled, swapped or replaced."""
    for _ in range(rng.randint(1, 3)):
        start = rng.randint(0, len(text))
        end = min(len(text), start + rng.randint(0, 12))
        junk = rng.choice(
            ["", "\n", " ", "#", '"', "\\", ":", "AND", "not ", "\u202e", "\r", "(", ")"]
        )
        text = rng.choice(
            [text[:start] + junk + text[end:], text[:end] + text[start:], text[end:] + text[:start]]
        )
    return text


def _print_as_itself(policy: Policy) -> None:
    text = format_policy(policy)
    again = parse_policy(text)
    assert again == policy
    assert format_policy(again) == text
    with contextlib.suppress(PolicyError):
        compile_policy(policy, SCHEMA).effect({})
