"""Whether a policy asks only what its schema knows, and in ways that can hold.

Above: the compiler. Below: schema, tree, printer. A comparison that could never be true is
refused here, since nobody would notice at run time that a rule protects nothing.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NoReturn

from agentos_governance.rules.errors import PolicyTypeError, did_you_mean, quoted
from agentos_governance.rules.printer import operand_text, statement_text
from agentos_governance.rules.schema import Fact, FactType, Schema
from agentos_governance.rules.tree import (
    Attribute,
    Comparison,
    Condition,
    Happened,
    Has,
    LimitRule,
    Literal,
    Membership,
    Operand,
    Policy,
    Span,
    Statement,
    TextTest,
    ValueType,
    tests_of,
)

_TEXTUAL = frozenset({FactType.TEXT, FactType.PATH})
_LITERAL_TYPES = {
    ValueType.BOOLEAN: FactType.BOOLEAN,
    ValueType.NUMBER: FactType.NUMBER,
    ValueType.TEXT: FactType.TEXT,
}
_NOUNS = {
    FactType.BOOLEAN: "true or false",
    FactType.INTEGER: "an integer",
    FactType.NUMBER: "a number",
    FactType.TEXT: "text",
    FactType.PATH: "a path",
    FactType.TEXTS: "a set of text",
}
_DRIVE = re.compile(r"[A-Za-z]:")


def type_errors(policy: Policy, schema: Schema) -> tuple[PolicyTypeError, ...]:
    """What is wrong with the policy under the schema: the first error of each statement."""
    checker = _Checker(policy, schema)
    errors: list[PolicyTypeError] = []
    for statement in policy.statements:
        try:
            checker.check(statement)
        except PolicyTypeError as error:
            errors.append(error)
    return tuple(errors)


class _Checker:
    def __init__(self, policy: Policy, schema: Schema) -> None:
        self._policy = policy
        self._schema = schema
        self._limits: dict[str, int] = {}

    def check(self, statement: Statement) -> None:
        if isinstance(statement, LimitRule):
            self._check_new(statement)
        if statement.target.kind != "any":
            self._check_target(statement.target.kind, statement.span)
        for test in tests_of(statement.condition):
            self._check_test(test)

    def _check_new(self, statement: LimitRule) -> None:
        line = self._limits.setdefault(statement_text(statement), statement.span.line)
        if line != statement.span.line:
            self._refuse(f"the same limit stands in line {line}", statement.span)

    def _check_target(self, name: str, span: Span) -> None:
        fact = self._schema.facts.get(name)
        if fact is None or fact.type is not FactType.TEXT:
            self._refuse(f"the schema has no text `{name}`, which the target needs", span)

    def _check_test(self, test: Condition) -> None:
        if isinstance(test, Comparison):
            self._check_comparison(test)
        elif isinstance(test, Membership):
            self._check_membership(test)
        elif isinstance(test, TextTest):
            self._check_text_test(test)
        elif isinstance(test, Has):
            self._fact(test.attribute)
        elif isinstance(test, Happened):
            pass
        elif isinstance(test, Attribute) and self._fact(test).type is not FactType.BOOLEAN:
            noun = _NOUNS[self._fact(test).type]
            self._refuse(
                f"`{test.name}` is {noun}; a condition is true or false",
                test.span,
                f"compare it, or write has({test.name})",
            )

    def _check_comparison(self, test: Comparison) -> None:
        left, right = self._type(test.left), self._type(test.right)
        if isinstance(test.left, Literal) and isinstance(test.right, Literal):
            self._refuse("both sides are constants", test.span, "one side must be a fact")
        if FactType.TEXTS in {left, right}:
            hint = 'ask for a member: "x" IN name'
            self._refuse("a set cannot be compared", test.span, hint)
        if _kind(left) != _kind(right):
            problem = f"{self._said(test.left)}, but {self._said(test.right)}"
            self._refuse(problem, test.span)
        if _kind(left) is not FactType.NUMBER and test.operator not in {"==", "!="}:
            self._refuse(f"only numbers have an order; {self._said(test.left)}", test.span)
        for one, other in ((test.left, test.right), (test.right, test.left)):
            if isinstance(one, Literal):
                self._check_literal(one, other)

    def _check_membership(self, test: Membership) -> None:
        item = self._type(test.item)
        if isinstance(test.collection, Attribute):
            if self._type(test.collection) is not FactType.TEXTS:
                problem = f"{self._said(test.collection)}, not a set"
                self._refuse(problem, test.collection.span, "write a list in [ ]")
            if item not in _TEXTUAL:
                self._refuse(f"a set holds text; {self._said(test.item)}", test.span)
            return
        if isinstance(test.item, Literal):
            self._refuse("both sides are constants", test.span, "one side must be a fact")
        if item in {FactType.BOOLEAN, FactType.TEXTS}:
            self._refuse(f"{self._said(test.item)} and cannot be in a list", test.span)
        for literal in test.collection:
            if _kind(self._type(literal)) != _kind(item):
                problem = f"{self._said(test.item)}; {self._said(literal)}"
                self._refuse(problem, literal.span)
            self._check_literal(literal, test.item)

    def _check_text_test(self, test: TextTest) -> None:
        type_ = self._fact(test.subject).type
        if type_ not in _TEXTUAL:
            problem = f"{self._said(test.subject)}; {test.operator} needs text"
            self._refuse(problem, test.subject.span)
        if type_ is FactType.PATH and test.operator != "ENDS WITH":
            self._check_path(test.argument)

    def _check_literal(self, literal: Literal, other: Operand) -> None:
        """Refuse a constant that the other side can never equal or sensibly be compared with."""
        type_ = self._type(other)
        if type_ is FactType.INTEGER and isinstance(literal.value, Decimal):
            problem = f"{self._said(other)}, {operand_text(literal)} is not whole"
            self._refuse(problem, literal.span)
        if type_ is FactType.PATH:
            self._check_path(literal)
        if not isinstance(other, Attribute):
            return
        values = self._fact(other).values
        if values and literal.value not in values:
            value = str(literal.value)
            hint = did_you_mean(value, values) or f"it is one of {', '.join(values)}"
            self._refuse(f"`{other.name}` is never {quoted(value)}", literal.span, hint)

    def _check_path(self, literal: Literal) -> None:
        problem = _problem_with_path(str(literal.value))
        if problem is not None:
            hint = "paths are relative to the repository root: src/app.py"
            self._refuse(f"no path is like this: {problem}", literal.span, hint)

    def _type(self, operand: Operand) -> FactType:
        if isinstance(operand, Attribute):
            return self._fact(operand).type
        if isinstance(operand, Literal):
            return _LITERAL_TYPES[operand.type]
        return FactType.INTEGER

    def _fact(self, attribute: Attribute) -> Fact:
        fact = self._schema.facts.get(attribute.name)
        if fact is None:
            hint = did_you_mean(attribute.name, self._schema.facts)
            self._refuse(f"unknown fact {quoted(attribute.name)}", attribute.span, hint)
        return fact

    def _said(self, operand: Operand) -> str:
        """`path` is a path."""
        return f"{quoted(operand_text(operand))} is {_NOUNS[self._type(operand)]}"

    def _refuse(self, problem: str, span: Span, hint: str | None = None) -> NoReturn:
        policy = self._policy
        raise PolicyTypeError(problem, span, source=policy.source, text=policy.text, hint=hint)


def _kind(type_: FactType) -> FactType:
    """What can be compared with each other has one kind."""
    if type_ is FactType.INTEGER:
        return FactType.NUMBER
    return FactType.TEXT if type_ is FactType.PATH else type_


def _problem_with_path(text: str) -> str | None:
    if text.startswith(("/", "~")) or _DRIVE.match(text):
        return "it is absolute"
    if "\\" in text:
        return "folders are separated by /"
    parts = text.removesuffix("/").split("/")
    if ".." in parts:
        return "it contains .."
    if text not in {"", ".", "./"} and ("." in parts or "" in parts):
        return "it has a folder without a name"
    return None
