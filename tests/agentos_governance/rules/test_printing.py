"""The canonical print of policies, and what counts as a change."""

from __future__ import annotations

import hashlib

from agentos_governance.rules import diff_policies, format_policy, parse_policy, policy_hash

UNTIDY = """

# Policy of the organisation


#second
ALLOW operation   IF risk_score<0.50   # trailing
DENY IF unsafe_environment==true



q-1:ASK # amid the rule
  IF tool.writes AND(path MATCHES "migrations/**") # because
DENY "read" IF ( ( a OR b ) ) AND NOT ( c AND d ) AND "x" IN labels AND tool IN ["a\\u{202E}",
    "b"] AND count("run_*") SINCE 2h>=3 REASON "no \\"way\\""
LIMIT calls( run_command ) TO 20 PER 60s
# end"""

TIDY = """\
# Policy of the organisation

#second
ALLOW operation IF risk_score < 0.5  # trailing
DENY IF unsafe_environment == true

# amid the rule
q-1: ASK IF tool.writes AND path MATCHES "migrations/**"  # because
DENY "read"
    IF (a OR b)
       AND NOT (c AND d)
       AND "x" IN labels
       AND tool IN ["a\\u{202e}", "b"]
       AND count("run_*") SINCE 2h >= 3
    REASON "no \\"way\\""
LIMIT calls(run_command) TO 20 PER 60s
# end
"""


def test_a_policy_is_printed_in_one_way_with_its_comments() -> None:
    assert format_policy(parse_policy(UNTIDY)) == TIDY
    assert format_policy(parse_policy(TIDY)) == TIDY


def test_crlf_is_only_layout() -> None:
    assert parse_policy(TIDY.replace("\n", "\r\n")) == parse_policy(TIDY)


def test_the_hash_is_that_of_the_printed_file() -> None:
    expected = hashlib.sha256(TIDY.encode()).hexdigest()
    assert policy_hash(parse_policy(UNTIDY)) == f"sha256:{expected}"


def test_an_empty_policy_prints_as_nothing() -> None:
    assert format_policy(parse_policy("\n \n")) == ""


def test_a_difference_is_told_by_id_and_by_text() -> None:
    before = parse_policy("a: DENY write\nb: ALLOW read\nALLOW execute\nASK network\nASK network")
    after = parse_policy(
        "ASK network\nb: ALLOW read  # now with a comment\na: DENY write IF x\nc: DENY"
    )
    changes = diff_policies(before, after)
    assert [(each.kind, each.rule_id) for each in changes] == [
        ("changed", "a"),
        ("removed", "#3"),
        ("removed", "#5"),
        ("added", "c"),
    ]
    changed = changes[0]
    assert (changed.before, changed.after) == ("a: DENY write", "a: DENY write IF x")
    assert (changed.before_line, changed.after_line) == (1, 3)
    assert (changes[-1].before, changes[-1].before_line, changes[-1].after) == (
        None,
        None,
        "c: DENY",
    )


def test_layout_comments_and_order_are_no_difference() -> None:
    before = parse_policy("ALLOW read\nDENY  write # why\n")
    after = parse_policy("# other\n\nDENY\n  write\nALLOW read")
    assert diff_policies(before, after) == ()
