"""What the text of a policy means, and what is said about text that means nothing."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from agentos import InvalidArgumentError
from agentos_governance.rules import (
    HistoryQuery,
    PolicySyntaxError,
    Target,
    compile_policy,
    format_policy,
    parse_policy,
)
from agentos_governance.rules.sizes import MAX_NESTING, MAX_POLICY_BYTES
from agentos_governance.rules.tree import (
    And,
    Attribute,
    Comparison,
    Count,
    Duration,
    Literal,
    Not,
    Or,
    Rule,
    ValueType,
)

A, B, C = Attribute("a"), Attribute("b"), Attribute("c")


def condition_of(text: str) -> object:
    """The condition of a one-rule policy."""
    (statement,) = parse_policy(f"DENY IF {text}").statements
    return statement.condition


def test_not_binds_before_and_before_or() -> None:
    assert condition_of("a OR NOT b AND c") == Or((A, And((Not(B), C))))
    assert condition_of("(a OR b) AND c") == And((Or((A, B)), C))
    assert condition_of("a AND (b AND c)") == And((A, B, C))


def test_not_applies_to_the_whole_comparison() -> None:
    zero = Literal(ValueType.NUMBER, 0)
    assert condition_of("NOT a == 0") == Not(Comparison("==", A, zero))


def test_numbers_are_exact_and_shortest() -> None:
    left = Comparison("<", A, Literal(ValueType.NUMBER, Decimal("0.5")))
    assert condition_of("a < 0.500") == left
    assert condition_of("a < 2.0") == Comparison("<", A, Literal(ValueType.NUMBER, 2))
    assert format_policy(parse_policy("DENY IF a < -0.0")) == "DENY IF a < 0\n"


def test_a_count_is_a_question_to_the_history() -> None:
    condition = condition_of('count("run_*") SINCE 2h >= 3')
    assert isinstance(condition, Comparison) and isinstance(condition.left, Count)
    assert condition.left.since == Duration(2, "h")
    assert condition.left.query == HistoryQuery("tool", "run_*", 7_200)
    assert condition.left.query.matches("run_command", "execute")
    assert not condition.left.query.matches("search_code", "read")


def test_equal_times_in_other_words_are_one_question() -> None:
    text = "DENY IF happened(Bash) SINCE 60s\nDENY IF count(Bash) SINCE 1m > 3"
    assert compile_policy(parse_policy(text)).history_queries == {HistoryQuery("tool", "Bash", 60)}


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("ALLOW", Target("any")),
        ("ALLOW operation", Target("any", "operation")),
        ("ALLOW any", Target("any", "any")),
        ("ALLOW write", Target("capability", "write")),
        ("ALLOW run_command", Target("tool", "run_command")),
        ('ALLOW "write"', Target("tool", "write")),
        ('ALLOW "run_*"', Target("tool", "run_*")),
        ("ALLOW mcp-server.tool", Target("tool", "mcp-server.tool")),
    ],
)
def test_a_target_is_a_word_a_tool_or_a_glob(text: str, target: Target) -> None:
    (statement,) = parse_policy(text).statements
    assert statement.target == target
    assert parse_policy(format_policy(parse_policy(text))) == parse_policy(text)


def test_a_name_with_a_colon_is_the_next_statements_id() -> None:
    first, second = parse_policy("ALLOW\nno-push:\n  DENY run_command").statements
    assert first == Rule("ALLOW")
    assert second == Rule("DENY", Target("tool", "run_command"), id="no-push")


def test_positions_count_lines_and_columns_from_one() -> None:
    policy = parse_policy("# first\n\n  ALLOW read\r\n\tDENY write\n")
    assert [each.span.line for each in policy.statements] == [3, 4]
    assert [each.span.column for each in policy.statements] == [3, 2]


def test_positions_are_no_difference() -> None:
    assert parse_policy("ALLOW   read") == parse_policy("\nALLOW\n  read", source="other")


SYNTAX_ERRORS = [
    (
        "ALOW read",
        (
            "policy:1:1: expected ALLOW, DENY, ASK or LIMIT, found `ALOW`\n"
            "    ALOW read\n"
            "    ^^^^\n"
            "hint: did you mean ALLOW?"
        ),
    ),
    (
        "allow read",
        (
            "policy:1:1: expected ALLOW, DENY, ASK or LIMIT, found `allow`\n"
            "    allow read\n"
            "    ^^^^^\n"
            "hint: did you mean ALLOW?"
        ),
    ),
    (
        "ALLOW if x",
        (
            "policy:1:7: `if` is not a name\n"
            "    ALLOW if x\n"
            "          ^^\n"
            "hint: keywords are upper case: IF"
        ),
    ),
    (
        "ALLOW read\nDENY IF a and b",
        (
            "policy:2:11: expected the end of the statement, found `and`\n"
            "    DENY IF a and b\n"
            "              ^^^\n"
            "hint: did you mean AND?"
        ),
    ),
    (
        "ALLOW read DENY write",
        (
            "policy:1:12: a statement begins on a line of its own\n"
            "    ALLOW read DENY write\n"
            "               ^^^^"
        ),
    ),
    (
        "DENY IF 1 < a < 3",
        (
            "policy:1:15: comparisons cannot be chained\n"
            "    DENY IF 1 < a < 3\n"
            "                  ^\n"
            "hint: write a < b AND b < c"
        ),
    ),
    (
        "DENY IF happend(x) SINCE claim",
        (
            "policy:1:9: unknown function `happend`\n"
            "    DENY IF happend(x) SINCE claim\n"
            "            ^^^^^^^\n"
            "hint: did you mean happened?"
        ),
    ),
    (
        "LIMIT calls(x) TO 5 PER clam",
        (
            "policy:1:25: expected claim, work_order or a duration such as 60s behind PER, "
            "found `clam`\n"
            "    LIMIT calls(x) TO 5 PER clam\n"
            "                            ^^^^\n"
            "hint: did you mean claim?"
        ),
    ),
    (
        "DENY IF (a",
        (
            "policy:1:11: expected ) to close the parenthesis, found the end of the policy\n"
            "    DENY IF (a\n"
            "              ^"
        ),
    ),
    (
        "x: DENY\nx: ALLOW",
        "policy:2:1: the id x is taken by the statement in line 1\n    x: ALLOW\n    ^",
    ),
    (
        'DENY IF a == "x',
        (
            "policy:1:14: text without an end\n"
            '    DENY IF a == "x\n'
            "                 ^^\n"
            'hint: close it with " on the same line'
        ),
    ),
    (
        "DENY IF a  # \u202e",
        (
            "policy:1:14: character U+202E cannot be seen\n"
            "    DENY IF a  # \ufffd\n"
            "                 ^\n"
            "hint: in text, write \\u{202e}"
        ),
    ),
    (
        b"ALLOW read\n# \xff",
        "policy:2:3: not UTF-8\n    # \ufffd\n      ^",
    ),
]


@pytest.mark.parametrize(("text", "message"), SYNTAX_ERRORS)
def test_an_error_shows_the_place_and_a_hint(text: str | bytes, message: str) -> None:
    with pytest.raises(PolicySyntaxError) as caught:
        parse_policy(text)
    assert caught.value.message == message
    assert str(caught.value) == message
    assert isinstance(caught.value, InvalidArgumentError)


@pytest.mark.parametrize(
    "text",
    [
        "DENY IF",
        "DENY IF a =",
        "DENY IF a = 1",
        "DENY IF a == ",
        "DENY IF a IN []",
        "DENY IF a IN [true]",
        "DENY IF a IN [1, ]",
        'DENY IF "x"',
        "DENY IF 5",
        "DENY IF count(x) SINCE claim",
        "DENY IF count(x) >= 1",
        "DENY IF happened() SINCE claim",
        "DENY IF happened(x) SINCE 0s",
        "DENY IF happened(x) SINCE 367d",
        "DENY IF happened(x) SINCE 1.5h",
        "DENY IF happened(x) SINCE 60",
        'DENY IF a MATCHES ""',
        'DENY IF a STARTS "x"',
        'DENY IF a STARTS WITH ""',
        "DENY IF a MATCHES b",
        'DENY IF "x" MATCHES "y"',
        "DENY IF has(true)",
        "DENY IF has(a",
        "DENY IF a.",
        "DENY IF a == 007",
        "DENY IF a == .5",
        "DENY IF a == 1e5",
        "DENY IF a == 1234567890123456",
        "DENY IF a && b",
        "DENY IF !a",
        "DENY 'x'",
        'DENY IF a == "\\x41"',
        'DENY IF a == "\\u{d800}"',
        'DENY IF a == "\\u{110000}"',
        'DENY IF a == "a\tb"',
        'DENY ""',
        'DENY REASON " "',
        'DENY REASON "x" IF a',
        "LIMIT calls(x) TO -1 PER claim",
        "LIMIT calls(x) TO 1.5 PER claim",
        "LIMIT calls(x) TO 5",
        "LIMIT x TO 5 PER claim",
        "ALLOW read write",
        "ALLOW read\nwrite",
        "id: ",
        "id: id2: ALLOW",
        "not: ALLOW",
        "ALLOW read;",
        "ALLOW read\rDENY write",
        "ALLOW\u00a0read",
        "ALLOW re\u0430d",
        "\ufeffALLOW read",
        "ALLOW \x00",
        "ALLOW \ud800",
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(PolicySyntaxError):
        parse_policy(text)


@pytest.mark.parametrize(
    "text",
    [
        "#" * (MAX_POLICY_BYTES + 1),
        "# " + "\u00e9" * (MAX_POLICY_BYTES // 2),
        "ALLOW\n" * 1_001,
        "LIMIT calls(x) TO 1 PER claim\n" * 51,
        "\n".join(f"DENY IF happened(t{n}) SINCE claim" for n in range(51)),
        "DENY IF " + "(" * (MAX_NESTING + 1) + "a" + ")" * (MAX_NESTING + 1),
        "DENY IF " + "NOT " * (MAX_NESTING + 1) + "a",
        "DENY IF a IN [" + ", ".join(map(str, range(501))) + "]",
        'DENY IF a == "' + "x" * 1_001 + '"',
        'DENY "' + "x" * 501 + '"',
        'DENY "' + "?" * 500 + '"\n' + 'DENY "' + "*" * 500 + '"\n' + 'DENY "*"',
        "\n".join(f'DENY "{n:03}{"x" * 490}"' for n in range(70)),
        "DENY " + "x" * 201,
        "DENY IF a == " + "1" * 16,
    ],
)
def test_a_policy_that_is_too_much_is_refused(text: str) -> None:
    with pytest.raises(PolicySyntaxError, match="at most"):
        parse_policy(text)


def test_the_largest_policies_compile_and_decide_in_time() -> None:
    """No policy of a repository may make a start or a call slow."""
    globs = [f'DENY IF command MATCHES "*a{"?" * 40}*{n}"' for n in range(20)]
    rules = [f'DENY IF command == "{"x" * 40}{n}" OR hour IN [1, 2]' for n in range(900)]
    wide = "DENY IF " + " OR ".join(['worker == "nobody"'] * 1_500)
    started = time.thread_time()
    compiled = compile_policy(parse_policy("\n".join([*globs, *rules, wide])))
    compiled_s = time.thread_time() - started
    started = time.thread_time()
    compiled.effect({"command": "a" * 100_000, "hour": 3, "worker": "w"})
    assert compiled_s < 10
    assert time.thread_time() - started < 2


@pytest.mark.parametrize(
    ("word", "meant"),
    [("writ", "write"), ("reads", "read"), ("execut", "execute"), ("anyy", "any")],
)
def test_a_slip_of_the_finger_in_a_capability_names_no_tool(word: str, meant: str) -> None:
    with pytest.raises(PolicySyntaxError) as refused:
        parse_policy(f"DENY {word}")
    assert refused.value.hint is not None and f"did you mean {meant}?" in refused.value.hint
    quoted = parse_policy(f'DENY "{word}"')
    assert format_policy(quoted).strip() == f'DENY "{word}"'
    assert parse_policy("DENY Write").statements[0].target.pattern == "Write"
