"""The benchmark of 20 rules: the engines agree, and a decision costs what the issue allows."""

from __future__ import annotations

import pytest

from bench.policy_rules import BAR_US, CALLS, measure, report


def test_three_engines_agree_on_the_benchmarks_calls() -> None:
    result = report(measure(rounds=1))
    assert result["n_rules"] == 20
    assert set(result["ratio"]) == {
        "compiled rules",
        "compiled rules with reasons",
        "CEL, fused",
        "Cedar",
    }
    assert all(set(calls) == set(CALLS) for calls in result["median_cpu_us"].values())


@pytest.mark.nightly
def test_a_decision_under_twenty_rules_costs_at_most_two_microseconds() -> None:
    """Issue 3: the bar is 2 us on the same rules, with Cedar and CEL in the same run."""
    result = report(measure(rounds=20))
    assert result["slowest_us"] <= BAR_US, result
    assert result["ratio"]["Cedar"] > 10
    assert result["ratio"]["CEL, fused"] > 2
