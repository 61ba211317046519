"""The same policies in Cedar and in CEL, for comparing what other engines decide.

The common subset: Cedar has no fractions, sets of globs or path globs; CEL has no exact decimals,
so there numbers are floats. Neither has ASK: Cedar is asked twice, once with ASK as permission and
once as prohibition. Where a fact is missing both report an error; ours denies, and must.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import cedarpy
import cel

from agentos import Effect
from agentos_governance.rules import FactType, HistoryQuery, Policy, Schema, Target
from agentos_governance.rules.tree import (
    And,
    Attribute,
    Comparison,
    Condition,
    Count,
    Happened,
    Has,
    Literal,
    Membership,
    Not,
    Or,
    Rule,
    TextTest,
    ValueType,
)

Facts = Mapping[str, object]
History = Mapping[HistoryQuery, int]

_ENTITIES = cedarpy.Entities.from_json_str("[]")
_NOBODY = {"principal": 'A::"a"', "action": 'A::"a"', "resource": 'A::"a"'}


def context_of(facts: Facts, history: History) -> dict[str, Any]:
    """Facts and answers as one record."""
    return {**facts, **{_key(query): count for query, count in history.items()}}


def _key(query: HistoryQuery) -> str:
    return "|".join(map(str, query))


def _quoted(text: str) -> str:
    """A string literal that Cedar and CEL read alike but for `braces`."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return {"\n": "\\n"}.get(character, character)


class CedarOracle:
    """Cedar's decision and its determining policies."""

    def __init__(self, policy: Policy) -> None:
        rules = [each for each in policy.statements if isinstance(each, Rule)]
        self._rules = rules
        self._with_ask = self._policies({"ALLOW": "permit", "ASK": "permit", "DENY": "forbid"})
        self._without_ask = self._policies({"ALLOW": "permit", "ASK": "forbid", "DENY": "forbid"})

    def _policies(self, effects: Mapping[str, str]) -> cedarpy.PolicySet:
        text = "\n".join(
            f"{effects[rule.verb]}(principal, action, resource) when {{ {_cedar_rule(rule)} }};"
            for rule in self._rules
        )
        return cedarpy.PolicySet.from_str(text)

    def decide(self, facts: Facts, history: History) -> tuple[Effect, frozenset[int] | None]:
        """The effect, and the numbers from 0 of the rules that made it; None after an error."""
        request = {**_NOBODY, "context": context_of(facts, history)}
        permissive = cedarpy.is_authorized(request, self._with_ask, _ENTITIES)
        strict = cedarpy.is_authorized(request, self._without_ask, _ENTITIES)
        if permissive.diagnostics.errors or strict.diagnostics.errors:
            _check_errors([*permissive.diagnostics.errors, *strict.diagnostics.errors])
            return Effect.DENY, None
        if not permissive.allowed:
            return Effect.DENY, _numbers(permissive)
        return (Effect.ALLOW if strict.allowed else Effect.ASK), _numbers(strict)


def _check_errors(errors: list[str]) -> None:
    # Any other error would hide a wrong translation behind a denial.
    assert all("does not have the attribute" in str(error) for error in errors), errors


def _numbers(result: cedarpy.AuthzResult) -> frozenset[int]:
    return frozenset(int(reason.removeprefix("policy")) for reason in result.diagnostics.reasons)


def _cedar_rule(rule: Rule) -> str:
    return (
        " && ".join(
            [*_cedar_target(rule.target)]
            + ([f"({_cedar(rule.condition)})"] if rule.condition is not None else [])
        )
        or "true"
    )


def _cedar_target(target: Target) -> list[str]:
    if target.kind == "any":
        return []
    if target.kind == "capability":
        return [f'context["capability"] == {_quoted(target.pattern)}']
    return [f'context["tool"] like {_cedar_glob(target.pattern)}']


def _cedar_glob(glob: str) -> str:
    return _quoted(glob)


def _cedar_literal_glob(text: str) -> str:
    """The inside of a `like` pattern that means the text itself."""
    return "".join("\\*" if character == "*" else _escaped(character) for character in text)


def _cedar(condition: Condition) -> str:
    if isinstance(condition, And | Or):
        sign = " && " if isinstance(condition, And) else " || "
        return sign.join(f"({_cedar(term)})" for term in condition.operands)
    if isinstance(condition, Not):
        return f"!({_cedar(condition.operand)})"
    if isinstance(condition, Comparison):
        return (
            f"{_cedar_value(condition.left)} {condition.operator} {_cedar_value(condition.right)}"
        )
    if isinstance(condition, Membership):
        return f"{_cedar_set(condition)}.contains({_cedar_value(condition.item)})"
    if isinstance(condition, TextTest):
        return _cedar_text_test(condition)
    if isinstance(condition, Has):
        return f"context has {_quoted(condition.attribute.name)}"
    if isinstance(condition, Happened):
        return f"{_cedar_value(condition)} > 0"
    return _cedar_value(condition)


def _cedar_set(condition: Membership) -> str:
    if isinstance(condition.collection, Attribute):
        return _cedar_value(condition.collection)
    return f"[{', '.join(map(_cedar_value, condition.collection))}]"


def _cedar_text_test(test: TextTest) -> str:
    argument = str(test.argument.value)
    inside = _cedar_literal_glob(argument)
    pattern = {"STARTS WITH": f'"{inside}*"', "ENDS WITH": f'"*{inside}"'}.get(test.operator)
    return f"{_cedar_value(test.subject)} like {pattern or _cedar_glob(argument)}"


def _cedar_value(operand: Any) -> str:
    if isinstance(operand, Count | Happened):
        return f"context[{_quoted(_key(operand.query))}]"
    if isinstance(operand, Attribute):
        return f"context[{_quoted(operand.name)}]"
    assert isinstance(operand, Literal)
    if operand.type is ValueType.TEXT:
        return _quoted(str(operand.value))
    return str(operand.value).lower()


class CelOracle:
    """Which rules' conditions hold in CEL, combined as ours are."""

    def __init__(self, policy: Policy, schema: Schema) -> None:
        self._rules = [each for each in policy.statements if isinstance(each, Rule)]
        translation = _Cel(schema)
        source = ", ".join(map(translation.rule, self._rules))
        self._program = cel.compile(f"[{source}]")

    def decide(self, facts: Facts, history: History) -> tuple[Effect, frozenset[int] | None]:
        """The effect, and the numbers from 0 of the rules that made it; None after an error."""
        try:
            held = self._program.execute({"c": context_of(facts, history)})
        except KeyError:
            return Effect.DENY, None
        for effect in (Effect.DENY, Effect.ASK, Effect.ALLOW):
            numbers = frozenset(
                number
                for number, (rule, holds) in enumerate(zip(self._rules, held, strict=True))
                if holds and rule.verb.lower() == effect
            )
            if numbers:
                return effect, numbers
        return Effect.DENY, frozenset()


class _Cel:
    """Strict left-to-right by the conditional: CEL's own && and || swallow errors of a side."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def rule(self, rule: Rule) -> str:
        terms = self._target(rule.target)
        if rule.condition is not None:
            terms.append(self._condition(rule.condition))
        return _all(terms) if terms else "true"

    def _target(self, target: Target) -> list[str]:
        if target.kind == "any":
            return []
        if target.kind == "capability":
            return [f'c["capability"] == {_quoted(target.pattern)}']
        return [f'c["tool"].matches({_quoted(text_regex(target.pattern))})']

    def _condition(self, condition: Condition) -> str:
        if isinstance(condition, And | Or):
            terms = [self._condition(term) for term in condition.operands]
            return _all(terms) if isinstance(condition, And) else _any(terms)
        if isinstance(condition, Not):
            return f"!({self._condition(condition.operand)})"
        if isinstance(condition, Has):
            return f"{_quoted(condition.attribute.name)} in c"
        if isinstance(condition, Comparison):
            number = self._is_number(condition.left) or self._is_number(condition.right)
            left, right = self._value(condition.left, number), self._value(condition.right, number)
            return f"{left} {condition.operator} {right}"
        if isinstance(condition, Membership):
            return f"{self._value(condition.item)} in {self._collection(condition)}"
        if isinstance(condition, TextTest):
            return self._text_test(condition)
        if isinstance(condition, Happened):
            return f"{self._value(condition)} > 0"
        return self._value(condition)

    def _collection(self, condition: Membership) -> str:
        if isinstance(condition.collection, Attribute):
            return self._value(condition.collection)
        number = self._is_number(condition.item)
        items = [self._value(literal, number) for literal in condition.collection]
        return f"[{', '.join(items)}]"

    def _text_test(self, test: TextTest) -> str:
        subject, argument = self._value(test.subject), str(test.argument.value)
        if test.operator == "MATCHES":
            is_path = self._schema.facts[test.subject.name].type is FactType.PATH
            regex = path_regex(argument) if is_path else text_regex(argument)
            return f"{subject}.matches({_quoted(regex)})"
        method = "startsWith" if test.operator == "STARTS WITH" else "endsWith"
        return f"{subject}.{method}({_quoted(argument)})"

    def _is_number(self, operand: Any) -> bool:
        return (
            isinstance(operand, Attribute)
            and self._schema.facts[operand.name].type is FactType.NUMBER
        )

    def _value(self, operand: Any, number: bool = False) -> str:
        if isinstance(operand, Count | Happened):
            return f"c[{_quoted(_key(operand.query))}]"
        if isinstance(operand, Attribute):
            return f"c[{_quoted(operand.name)}]"
        assert isinstance(operand, Literal)
        if operand.type is ValueType.TEXT:
            return _quoted(str(operand.value))
        if operand.type is ValueType.BOOLEAN:
            return str(operand.value).lower()
        assert isinstance(operand.value, int | Decimal)
        return repr(float(operand.value)) if number else str(operand.value)


def _all(terms: list[str]) -> str:
    result = terms[-1]
    for term in reversed(terms[:-1]):
        result = f"(({term}) ? ({result}) : false)"
    return result


def _any(terms: list[str]) -> str:
    result = terms[-1]
    for term in reversed(terms[:-1]):
        result = f"(({term}) ? true : ({result}))"
    return result


def text_regex(glob: str) -> str:
    """A text glob of `*` and plain characters as a regular expression."""
    return f"^(?s:{'.*'.join(map(re.escape, glob.split('*')))})$"


def path_regex(root: str) -> str:
    """What a root of a contract admits, as a regular expression: written from its docs."""
    if root == ".":
        return "^(?s:.*)$"
    if not any(sign in root for sign in "*?"):
        below = re.escape(root.removesuffix("/")) + "/.*"
        return f"^(?s:{below})$" if root.endswith("/") else f"^(?s:{re.escape(root)}|{below})$"
    *folders, last = (root + "**" if root.endswith("/") else root).split("/")
    pattern = "".join(
        "(?:[^/]*/)*" if part == "**" else _part_regex(part) + "/" for part in folders
    )
    return f"^(?s:{pattern}{'.*' if last == '**' else _part_regex(last)})$"


def _part_regex(part: str) -> str:
    return re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
