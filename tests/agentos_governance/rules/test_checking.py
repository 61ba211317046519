"""What the schema refuses before a policy decides anything."""

from __future__ import annotations

import pytest

from agentos import Effect, InvalidArgumentError
from agentos_governance.rules import (
    DEFAULT_SCHEMA,
    Fact,
    FactType,
    PolicyTypeError,
    Schema,
    compile_policy,
    parse_policy,
    type_errors,
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "ALLOW read\nDENY IF risk_scor < 3",
            (
                "policy:2:9: unknown fact `risk_scor`\n"
                "    DENY IF risk_scor < 3\n"
                "            ^^^^^^^^^\n"
                "hint: did you mean risk_score?"
            ),
        ),
        (
            "DENY IF path == 5",
            (
                "policy:1:9: `path` is a path, but `5` is a number\n"
                "    DENY IF path == 5\n"
                "            ^^^^^^^^^"
            ),
        ),
        (
            'DENY IF capability == "wirte"',
            (
                "policy:1:23: `capability` is never `wirte`\n"
                '    DENY IF capability == "wirte"\n'
                "                          ^^^^^^^\n"
                "hint: did you mean write?"
            ),
        ),
        (
            'DENY IF path MATCHES "/etc/**"',
            (
                "policy:1:22: no path is like this: it is absolute\n"
                '    DENY IF path MATCHES "/etc/**"\n'
                "                         ^^^^^^^^^\n"
                "hint: paths are relative to the repository root: src/app.py"
            ),
        ),
    ],
)
def test_a_type_error_shows_the_place_and_a_hint(text: str, message: str) -> None:
    with pytest.raises(PolicyTypeError) as caught:
        compile_policy(parse_policy(text))
    assert caught.value.message == message


@pytest.mark.parametrize(
    "text",
    [
        "DENY IF path",
        "DENY IF hour",
        "DENY IF tool.capabilities",
        'DENY IF path < "x"',
        "DENY IF tool.writes < true",
        'DENY IF tool.writes == "true"',
        "DENY IF tool.writes == 1",
        'DENY IF hour == "1"',
        "DENY IF hour == 1.5",
        "DENY IF hour IN [1, 1.5]",
        "DENY IF 1 == 1",
        "DENY IF 1 IN [1]",
        'DENY IF tool.writes MATCHES "x"',
        'DENY IF hour STARTS WITH "1"',
        'DENY IF tool.capabilities == "x"',
        "DENY IF tool.capabilities == tool.capabilities",
        'DENY IF "x" IN path',
        "DENY IF 3 IN tool.capabilities",
        'DENY IF tool.capabilities IN ["x"]',
        'DENY IF tool.writes IN ["x"]',
        'DENY IF role IN ["bot", 3]',
        'DENY IF role IN ["bot", "boss"]',
        'DENY IF count(x) SINCE claim == "1"',
        "DENY IF count(x) SINCE claim > 1.5",
        'DENY IF path == "../x"',
        'DENY IF path IN ["a//b"]',
        'DENY IF path STARTS WITH "./src"',
        'DENY IF path MATCHES "src\\\\*"',
        'DENY IF path MATCHES "C:/x"',
        "DENY IF has(nothing)",
        "LIMIT calls(x) TO 1 PER claim # a\nLIMIT  calls(x) TO 1 PER claim",
    ],
)
def test_what_can_never_be_meant_is_refused(text: str) -> None:
    with pytest.raises(PolicyTypeError):
        compile_policy(parse_policy(text))


@pytest.mark.parametrize(
    "text",
    [
        "DENY IF tool.writes AND NOT tool.destructive",
        "DENY IF spent_usd > budget_usd OR attempt > 3 OR attempt < risk_score",
        "DENY IF worker == person",
        'DENY IF "network" IN tool.capabilities OR worker IN tool.capabilities',
        'DENY IF path == "" OR path == "src/" OR path ENDS WITH "/x.py" OR path MATCHES "."',
        "DENY some_tool_that_nobody_has",
        'DENY IF weekday IN ["saturday", "sunday"] AND hour IN [22, 23]',
        "DENY IF 0.5 <= risk_score AND true == tool.writes",
    ],
)
def test_what_fits_the_schema_compiles(text: str) -> None:
    compile_policy(parse_policy(text))


def test_every_wrong_statement_is_reported() -> None:
    policy = parse_policy("DENY IF nothing\nALLOW read\nDENY IF hour == true", source="a.policy")
    errors = type_errors(policy, DEFAULT_SCHEMA)
    assert [(error.source, error.line) for error in errors] == [("a.policy", 1), ("a.policy", 3)]


def test_a_target_needs_the_fact_that_it_asks() -> None:
    with pytest.raises(PolicyTypeError, match="the schema has no text `tool`"):
        compile_policy(parse_policy("DENY run_command"), Schema({}))
    assert compile_policy(parse_policy("ALLOW"), Schema({})).effect({}) is Effect.ALLOW


def test_a_deployment_adds_its_own_facts() -> None:
    schema = DEFAULT_SCHEMA.extended({"unsafe_environment": Fact(FactType.BOOLEAN, "set by ops")})
    compiled = compile_policy(parse_policy("ALLOW\nDENY IF unsafe_environment == true"), schema)
    assert compiled.effect({"unsafe_environment": False}) is Effect.ALLOW
    assert compiled.effect({"unsafe_environment": True}) is Effect.DENY
    assert compiled.effect({}) is Effect.DENY


@pytest.mark.parametrize("name", ["path", "Upper", "a-b", "a..b", "", "1a", "true", "x" * 101])
def test_a_deployment_cannot_take_or_misspell_a_name(name: str) -> None:
    with pytest.raises(InvalidArgumentError):
        DEFAULT_SCHEMA.extended({name: Fact(FactType.TEXT, "x")})


def test_every_fact_has_a_description_of_one_line() -> None:
    for name, fact in DEFAULT_SCHEMA.facts.items():
        assert 10 < len(fact.description) < 100, name
        assert "\n" not in fact.description, name
