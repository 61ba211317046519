"""docs/policies.md says what the language does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentos_governance.rules import (
    DEFAULT_SCHEMA,
    Fact,
    FactType,
    PolicyTypeError,
    compile_policy,
    format_policy,
    parse_policy,
)
from agentos_governance.rules.words import KEYWORDS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "policies.md"
TEXT = PAGE.read_text(encoding="utf-8")
SCHEMA = DEFAULT_SCHEMA.extended({"unsafe_environment": Fact(FactType.BOOLEAN, "An example")})


def test_the_table_of_facts_is_the_schema() -> None:
    table = TEXT.split("<!-- facts -->")[1].split("<!-- end of facts -->")[0].strip()
    rows = ["| fact | type | what it says |", "| --- | --- | --- |"]
    for name, fact in DEFAULT_SCHEMA.facts.items():
        values = ": " + ", ".join(f"`{value}`" for value in fact.values) if fact.values else ""
        missing = "; may be missing" if fact.may_be_missing else ""
        rows.append(f"| `{name}` | {fact.type}{values} | {fact.description}{missing} |")
    assert table.splitlines() == rows


@pytest.mark.parametrize("example", re.findall(r"```policy\n(.*?)```", TEXT, re.DOTALL))
def test_examples_fit_the_schema_and_are_printed_as_they_stand(example: str) -> None:
    policy = parse_policy(example)
    compile_policy(policy, SCHEMA)
    assert format_policy(policy) == example


def test_the_error_that_the_page_shows_is_the_one_that_is_printed() -> None:
    (shown,) = re.findall(r"```text\n(organisation\.policy:.*?)\n```", TEXT, re.DOTALL)
    written = parse_policy("# Risk.\nDENY IF risk_scor > 0.5\n", source="organisation.policy")
    with pytest.raises(PolicyTypeError) as raised:
        compile_policy(written, SCHEMA)
    assert str(raised.value) == shown


def test_conditions_of_the_table_fit_the_schema() -> None:
    section = TEXT.split("## Conditions")[1].split("\n\n")[1]
    examples = [
        code
        for row in section.splitlines()[2:]
        for code in re.findall(r"`([^`]+)`", row.split("|")[1])
    ]
    tested = [code for code in examples if not re.fullmatch(r"(NOT )?a( (AND|OR) b)?|\( \)", code)]
    assert len(tested) > 10
    for code in tested:
        compile_policy(parse_policy(f"DENY IF {code}"), SCHEMA)


def test_the_grammar_names_every_keyword() -> None:
    grammar = TEXT.split("## Grammar")[1]
    assert frozenset(re.findall(r'"([A-Z]+)"', grammar)) == KEYWORDS
