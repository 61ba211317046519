"""What a policy means, as plainly as it can be written: the reference for the compiled one."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from agentos import Effect
from agentos_governance.contracts.globs import compile_roots
from agentos_governance.rules import FactType, HistoryQuery, Policy, Schema
from agentos_governance.rules.tree import (
    And,
    Attribute,
    Comparison,
    Condition,
    Count,
    Happened,
    Has,
    LimitRule,
    Literal,
    Membership,
    Not,
    Or,
    Statement,
    TextTest,
)

_OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class MissingError(Exception):
    """A fact or a count is not there, or not of its type."""


class Reference:
    """Interprets a policy on one call."""

    def __init__(
        self, schema: Schema, facts: Mapping[str, object], history: Mapping[HistoryQuery, int]
    ) -> None:
        self._schema = schema
        self._facts = facts
        self._history = history

    def effect(self, policy: Policy) -> Effect:
        """All statements, each asked in any case; then deny over ask over allow."""
        effects: set[Effect] = set()
        for statement in policy.statements:
            try:
                applies = self.applies(statement)
            except MissingError:
                effects.add(Effect.DENY)
                continue
            if applies and not isinstance(statement, LimitRule):
                effects.add(Effect(statement.verb.lower()))
        for effect in (Effect.DENY, Effect.ASK, Effect.ALLOW):
            if effect in effects:
                return effect
        return Effect.DENY

    def applies(self, statement: Statement) -> bool:
        """The target first; the condition only where the target is met."""
        target = statement.target
        if target.kind == "capability" and self._fact("capability") != target.pattern:
            return False
        if target.kind == "tool" and not fnmatchcase(str(self._fact("tool")), target.pattern):
            return False
        return statement.condition is None or self._holds(statement.condition)

    def _holds(self, condition: Condition) -> bool:
        if isinstance(condition, And):
            return all(self._holds(term) for term in condition.operands)
        if isinstance(condition, Or):
            return any(self._holds(term) for term in condition.operands)
        if isinstance(condition, Not):
            return not self._holds(condition.operand)
        if isinstance(condition, Has):
            name = condition.attribute.name
            value = self._facts.get(name)
            return self._schema.problem_of(name, value) is None
        return self._test(condition)

    def _test(self, test: Condition) -> bool:
        if isinstance(test, Comparison):
            left, right = self._value(test.left), self._value(test.right)
            return bool(_OPERATORS[test.operator](left, right))
        if isinstance(test, Membership):
            item = self._value(test.item)
            if isinstance(test.collection, Attribute):
                return item in self._value(test.collection)
            return any(item == literal.value for literal in test.collection)
        if isinstance(test, TextTest):
            return self._text_test(test)
        return bool(self._value(test))

    def _text_test(self, test: TextTest) -> bool:
        text, argument = str(self._value(test.subject)), str(test.argument.value)
        if test.operator == "STARTS WITH":
            return text[: len(argument)] == argument
        if test.operator == "ENDS WITH":
            return text[-len(argument) :] == argument
        if self._schema.facts[test.subject.name].type is FactType.PATH:
            return compile_roots([argument])(text)
        return fnmatchcase(text, argument)

    def _value(self, operand: Any) -> Any:
        if isinstance(operand, Literal):
            return operand.value
        if isinstance(operand, Attribute):
            return self._fact(operand.name)
        assert isinstance(operand, Count | Happened)
        if operand.query not in self._history:
            raise MissingError(operand.query)
        return self._history[operand.query]

    def _fact(self, name: str) -> object:
        value = self._facts.get(name)
        if self._schema.problem_of(name, value) is not None:
            raise MissingError(name)
        return Decimal(repr(value)) if isinstance(value, float) else value
