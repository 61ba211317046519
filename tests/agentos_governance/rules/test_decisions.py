"""What policies decide, and how decisions are explained."""

from __future__ import annotations

from decimal import Decimal

import pytest

from agentos import Effect
from agentos_governance.rules import (
    CompiledPolicy,
    Fact,
    FactType,
    HistoryQuery,
    Schema,
    compile_policy,
    parse_policy,
)

SCHEMA = Schema(
    {
        "tool": Fact(FactType.TEXT, "tool"),
        "capability": Fact(FactType.TEXT, "capability", values=("read", "write")),
        "a": Fact(FactType.BOOLEAN, "boolean"),
        "b": Fact(FactType.BOOLEAN, "boolean"),
        "n": Fact(FactType.INTEGER, "integer"),
        "x": Fact(FactType.NUMBER, "number"),
        "y": Fact(FactType.NUMBER, "number"),
        "t": Fact(FactType.TEXT, "text"),
        "path": Fact(FactType.PATH, "path"),
        "labels": Fact(FactType.TEXTS, "set"),
    }
)


def compiled(text: str) -> CompiledPolicy:
    return compile_policy(parse_policy(text, source="test.policy"), SCHEMA)


def effect(
    text: str, facts: dict[str, object], history: dict[HistoryQuery, int] | None = None
) -> str:
    """What a policy says, by both ways of deciding."""
    policy = compiled(text)
    decided = policy.decide(facts, history or {}).effect
    assert policy.effect(facts, history or {}) is decided
    return decided.value


def holds(condition: str, **facts: object) -> bool:
    """Whether a condition holds; a missing fact is an error of the test."""
    policy = compiled(f"ALLOW IF {condition}")
    assert not policy.decide(facts).missing
    return policy.effect(facts) is Effect.ALLOW


def test_deny_wins_over_ask_and_ask_over_allow() -> None:
    rules = "ALLOW\nASK IF a\nDENY IF b"
    assert effect(rules, {"a": False, "b": False}) == "allow"
    assert effect(rules, {"a": True, "b": False}) == "ask"
    assert effect(rules, {"a": True, "b": True}) == "deny"


def test_what_no_rule_allows_is_denied() -> None:
    assert effect("", {}) == "deny"
    assert effect("ALLOW IF a", {"a": False}) == "deny"
    decision = compiled("DENY IF a").decide({"a": False})
    assert decision.is_default and not decision.determining


def test_a_missing_fact_denies_whatever_else_allows() -> None:
    """Issue 3: an attribute that is missing at run time denies."""
    assert effect("ALLOW\nALLOW IF a", {}) == "deny"
    assert effect("ALLOW\nDENY IF a", {}) == "deny"
    assert effect("ALLOW\nASK IF NOT a", {}) == "deny"
    assert effect("ALLOW\nDENY run_command", {}) == "deny"
    assert effect("ALLOW\nLIMIT calls(x) TO 1 PER claim IF a", {"tool": "x"}) == "deny"


def test_what_is_not_needed_may_be_missing() -> None:
    assert effect("ALLOW\nDENY IF a AND b", {"a": False}) == "allow"
    assert effect("ALLOW IF a OR b", {"a": True}) == "allow"
    assert effect("ALLOW\nDENY write IF a", {"capability": "read"}) == "allow"
    assert effect("ALLOW\nDENY IF has(a) AND a", {}) == "allow"
    assert effect("ALLOW\nDENY IF b AND a", {"a": False}) == "deny"


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("a", 1),
        ("a", "true"),
        ("a", None),
        ("NOT a", 0),
        ("n < 5", True),
        ("n < 5", 1.0),
        ("n < 5", "1"),
        ("x < 5", True),
        ("x < 5", "1"),
        ("x < 5", float("nan")),
        ("NOT x > 5", float("nan")),
        ("NOT x > 5", Decimal("NaN")),
        ("NOT x > 5", Decimal("sNaN")),
        ("x < 5", float("-inf")),
        ("x < 5", Decimal("-Infinity")),
        ('t != "x"', b"x"),
        ('t != "x"', None),
        ('NOT path MATCHES "x"', ["x"]),
        ('NOT "x" IN labels', "abc"),
        ('NOT "x" IN labels', ["a", b"x"]),
        ('NOT "x" IN labels', {"a": 1}),
        ('capability != "write"', "wriet"),
    ],
)
def test_a_value_of_another_type_is_missing(condition: str, value: object) -> None:
    """A wrong type that compared as unequal would disarm a DENY."""
    facts = {name: value for name in SCHEMA.facts if name in condition.split()}
    policy = compiled(f"ALLOW IF {condition}")
    assert policy.effect(facts) is Effect.DENY
    assert policy.decide(facts).missing == tuple(facts)
    (fact,) = facts
    assert compiled(f"ALLOW\nDENY IF has({fact})").effect(facts) is Effect.ALLOW


def test_floats_compare_as_the_decimals_they_print() -> None:
    """So that recorded facts, which are JSON, decide again as they did."""
    assert holds("x == 0.1", x=0.1)
    assert holds("x <= 0.1 AND 0.1 >= x AND x IN [0.1]", x=0.1)
    assert holds("x >= 0.3", x=Decimal("0.3")) and holds("x == 0.3", x=0.3)
    assert not holds("x == 0.3", x=0.1 + 0.2)
    assert holds("x == y", x=0.1, y=Decimal("0.1"))
    assert holds("x < y", x=Decimal("0.3"), y=0.1 + 0.2)
    assert holds("x == 2", x=2.0) and holds("x == 2.0", x=2) and holds("x IN [2]", x=2.0)
    assert holds("n == x", n=3, x=3.0)


def test_large_numbers_compare_exactly() -> None:
    assert holds("x > 999999999999999", x=10**15)
    assert holds("x > y", x=10**30 + 1, y=Decimal(10) ** 30)
    assert holds("n > y", n=10**400, y=1e300)
    assert holds("x < 0.1", x=5e-324)


def test_paths_match_as_roots_and_text_matches_as_tool_globs() -> None:
    assert holds('path MATCHES "src"', path="src/a.py")
    assert not holds('path MATCHES "src/*.py"', path="src/x/a.py")
    assert holds('path MATCHES "**/*.py"', path="src/x/a.py")
    assert holds('t MATCHES "src/*.py"', t="src/x/a.py")
    assert not holds('t MATCHES "src"', t="src/a.py")
    assert holds('t STARTS WITH "git push" AND t ENDS WITH "--force"', t="git push --force")


def test_a_set_is_asked_for_its_members() -> None:
    for labels in ({"a"}, frozenset({"a"}), ["a"], ("a",)):
        assert holds('"a" IN labels AND NOT "b" IN labels AND t IN labels', labels=labels, t="a")


def test_history_is_answered_by_counts_and_missing_without() -> None:
    text = "ALLOW IF happened(search_code) SINCE claim AND count(Bash) SINCE 60s < 3"
    searched = HistoryQuery("tool", "search_code", "claim")
    ran = HistoryQuery("tool", "Bash", 60)
    assert effect(text, {}, {searched: 1, ran: 2}) == "allow"
    assert effect(text, {}, {searched: 1, ran: 3}) == "deny"
    assert effect(text, {}, {searched: 0}) == "deny"
    assert compiled(text).decide({}, {searched: 0}).missing == ()
    assert compiled(text).decide({}, {searched: 1}).missing == ("count(Bash) SINCE 60s",)
    assert compiled(text).decide({}, {searched: -1}).missing != ()


def test_a_decision_names_its_rules_their_values_and_the_policy() -> None:
    """Issue 3: every decision names its determining rules and their values, and the hash."""
    policy = compiled(
        'no-writes: DENY write IF path MATCHES "db" AND count(Bash) SINCE 1m > 0 REASON "frozen"\n'
        "ALLOW\n"
        "DENY IF n >= 3  # late"
    )
    ran = HistoryQuery("tool", "Bash", 60)
    facts = {"capability": "write", "path": "db/1.sql", "n": 4, "tool": "Edit"}
    decision = policy.decide(facts, {ran: 2})
    first, second = decision.determining
    assert (first.rule_id, first.line, first.reason) == ("no-writes", 1, "frozen")
    assert first.values == {
        "capability": "write",
        "path": "db/1.sql",
        "count(Bash) SINCE 1m": 2,
    }
    assert (second.rule_id, second.line, second.text) == ("#3", 3, "DENY IF n >= 3")
    assert second.values == {"n": 4}
    assert decision.policy_hash == policy.hash and decision.policy_hash.startswith("sha256:")
    assert decision.source == "test.policy"


def test_a_rule_that_misses_something_is_named_with_it() -> None:
    decision = compiled("ALLOW\ncareful: ALLOW IF a AND b").decide({"a": True})
    (determining,) = decision.determining
    assert determining.rule_id == "careful"
    assert determining.effect is Effect.ALLOW
    assert determining.missing == ("b",) == decision.missing
    assert not decision.is_default
    assert compiled("ALLOW IF a\nDENY IF a").decide({}).missing == ("a",)


def test_limits_are_handed_to_whoever_counts() -> None:
    policy = compiled(
        "ALLOW\n"
        "LIMIT calls(Bash) TO 20 PER 60s\n"
        'few: LIMIT calls("*") TO 3 PER claim IF a REASON "slow"'
    )
    assert policy.has_allow and [each.per for each in policy.limits] == [60, "claim"]
    both = policy.decide({"tool": "Bash", "a": True})
    assert [each.rule_id for each in both.limits] == ["#2", "few"]
    assert policy.limits_for({"tool": "Bash", "a": True}) == both.limits
    assert policy.limits_for({"tool": "Edit", "a": False}) == ()
    limit = both.limits[1]
    assert (limit.max_calls, limit.reason) == (3, "slow")
    assert limit.text == 'few: LIMIT calls("*") TO 3 PER claim IF a REASON "slow"'


def test_a_policy_tells_what_it_needs() -> None:
    policy = compiled("DENY write IF a AND has(path)\nDENY Bash IF n == 1")
    assert policy.attributes == {"capability", "a", "path", "tool", "n"}
    assert not policy.has_allow
    assert not compiled("ASK").has_allow


def test_no_text_of_a_policy_reaches_python() -> None:
    names = '__import__("os").system("touch /tmp/x")'
    text = names.replace('"', '\\"')
    policy = compiled(f'a-b: DENY "{text}" IF t == "{text}" AND "{text}" IN labels')
    assert policy.effect({"tool": names, "t": names, "labels": [names]}) is Effect.DENY
    assert policy.decide({"tool": names, "t": names, "labels": [names]}).determining
