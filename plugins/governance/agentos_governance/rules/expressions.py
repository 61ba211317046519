"""Conditions of a checked policy as Python expressions.

Above: generation, which makes functions of them. Below: tree, schema. An expression is made of
fixed fragments and numbered names only; every name, text and number of a policy is a value in the
namespace, so that no policy can say anything in Python.

A fact is looked up where it is first needed: `a AND b` needs `b` only where `a` holds. Looking up
what is missing, or of another type than declared, raises KeyError with its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from agentos import Effect, PluginError
from agentos_governance.contracts.globs import MAGIC, PathMatch, compile_roots
from agentos_governance.rules.decision import NO_HISTORY
from agentos_governance.rules.schema import FactType, Schema, is_texts
from agentos_governance.rules.tree import (
    And,
    Attribute,
    Comparison,
    Condition,
    Count,
    Happened,
    Has,
    HistoryQuery,
    Literal,
    Membership,
    Not,
    Operand,
    Or,
    Statement,
    Target,
    TextTest,
    tool_glob,
)

_INFINITY = float("inf")


class Code(NamedTuple):
    """A generated expression."""

    text: str
    needs: frozenset[str]
    """Local variables that are set wherever the expression was evaluated."""
    may_miss: bool
    """Whether it looks something up that may be missing."""


def missing(name: object) -> NoReturn:
    """What generated code calls for a value of another type than declared."""
    raise KeyError(name)


def as_printed(value: Any) -> int | Decimal:
    """A number to compare exactly: a float as the decimal it prints as."""
    return Decimal(repr(value)) if type(value) is float else value


@lru_cache(maxsize=4_096)
def _inside(root: str) -> PathMatch:
    return compile_roots((root,))


class Expressions:
    """Writes expressions; keeps the constants and the numbers of variables."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._names: dict[tuple[type, object], str] = {}
        self.variables: dict[str | HistoryQuery, str] = {}
        self.namespace: dict[str, Any] = {
            "__builtins__": {},
            "Decimal": Decimal,
            "KeyError": KeyError,
            "allow": Effect.ALLOW,
            "as_printed": as_printed,
            "ask": Effect.ASK,
            "bool": bool,
            "collections": frozenset({frozenset, set, list, tuple}),
            "deny": Effect.DENY,
            "float": float,
            "infinity": _INFINITY,
            "int": int,
            "is_texts": is_texts,
            "missing": missing,
            "no_history": NO_HISTORY,
            "str": str,
            "type": type,
        }

    def statement(self, statement: Statement, loaded: frozenset[str]) -> Code:
        """Whether a statement applies to a call."""
        terms: list[Callable[[frozenset[str]], Code]] = []
        if statement.target.kind != "any":
            terms.append(lambda known: self.target(statement.target, known))
        condition = statement.condition
        if condition is not None:
            terms.append(lambda known: self._grouped(condition, known))
        return self._chain(" and ", terms, loaded) if terms else Code("True", frozenset(), False)

    def target(self, target: Target, loaded: frozenset[str]) -> Code:
        value = self._fact("tool" if target.kind == "tool" else "capability", loaded)
        if target.kind == "tool":
            return value._replace(text=self._matches(target.pattern, value.text))
        return value._replace(text=f"{value.text} == {self.constant(target.pattern)}")

    def condition(self, condition: Condition, loaded: frozenset[str]) -> Code:
        if isinstance(condition, And | Or):
            terms = [
                lambda known, term=term: self._grouped(term, known) for term in condition.operands
            ]
            return self._chain(" and " if isinstance(condition, And) else " or ", terms, loaded)
        if isinstance(condition, Not):
            code = self._grouped(condition.operand, loaded)
            return code._replace(text=f"not {code.text}")
        if isinstance(condition, Comparison):
            return self._comparison(condition, loaded)
        if isinstance(condition, Membership):
            return self._membership(condition, loaded)
        if isinstance(condition, TextTest):
            return self._text_test(condition, loaded)
        if isinstance(condition, Has):
            return self._has(condition.attribute.name, loaded)
        if isinstance(condition, Happened):
            code = self._answer(condition, loaded)
            return code._replace(text=f"{code.text} > 0")
        return self._operand(condition, loaded)

    def _grouped(self, condition: Condition, loaded: frozenset[str]) -> Code:
        code = self.condition(condition, loaded)
        return code._replace(text=f"({code.text})")

    def _chain(
        self,
        connective: str,
        terms: Sequence[Callable[[frozenset[str]], Code]],
        loaded: frozenset[str],
    ) -> Code:
        """Terms asked from left to right; only the first is asked in any case."""
        first = terms[0](loaded)
        texts, may_miss, known = [first.text], first.may_miss, loaded | first.needs
        for term in terms[1:]:
            # A term is asked only after all before it, so what they needed is there.
            code = term(known)
            texts.append(code.text)
            may_miss |= code.may_miss
            known |= code.needs
        return Code(connective.join(texts), first.needs, may_miss)

    def _comparison(self, test: Comparison, loaded: frozenset[str]) -> Code:
        left = self._operand(test.left, loaded)
        right = self._operand(test.right, loaded | left.needs)
        joined = Code("", left.needs | right.needs, left.may_miss or right.may_miss)
        if not (self._is_number(test.left) or self._is_number(test.right)):
            return joined._replace(text=f"{left.text} {test.operator} {right.text}")
        if isinstance(test.left, Literal) or isinstance(test.right, Literal):
            return joined._replace(text=self._compared_toconstant(test, left, right))
        return joined._replace(
            text=f"as_printed({left.text}) {test.operator} as_printed({right.text})"
        )

    def _compared_toconstant(self, test: Comparison, left: Code, right: Code) -> str:
        """A number against a constant; a float against the float that prints as the constant.

        That decides as comparing the printed decimals would: the constant has at most 15 digits,
        so it is the print of its float, and reading and printing floats keeps their order.
        """
        literal, other = test.right, test.left
        if not isinstance(literal, Literal):
            literal, other = other, literal
        if not (isinstance(other, Attribute) and isinstance(literal, Literal)):
            raise PluginError("a number is compared with neither a fact nor a constant")
        if not isinstance(literal.value, Decimal):
            return f"{left.text} {test.operator} {right.text}"
        as_float = self.constant(float(literal.value))
        exact = self.constant(literal.value)
        # Looked up by whichever side is evaluated first, read by the other.
        variable = self._variable(other.name)
        if literal is test.right:
            chosen = f"({as_float} if type({variable}) is float else {exact})"
            return f"{left.text} {test.operator} {chosen}"
        return (
            f"({as_float} if type({right.text}) is float else {exact}) {test.operator} {variable}"
        )

    def _membership(self, test: Membership, loaded: frozenset[str]) -> Code:
        item = self._operand(test.item, loaded)
        if isinstance(test.collection, Attribute):
            members = self._fact(test.collection.name, loaded | item.needs)
            needs = item.needs | members.needs
            return Code(f"{item.text} in {members.text}", needs, item.may_miss or members.may_miss)
        values = self.constant(frozenset(literal.value for literal in test.collection))
        is_number = self._is_number(test.item)
        text = f"as_printed({item.text})" if is_number else item.text
        return item._replace(text=f"{text} in {values}")

    def _text_test(self, test: TextTest, loaded: frozenset[str]) -> Code:
        subject = self._fact(test.subject.name, loaded)
        argument = str(test.argument.value)
        if test.operator == "MATCHES":
            if self._schema.facts[test.subject.name].type is not FactType.PATH:
                return subject._replace(text=self._matches(argument, subject.text))
            is_inside = self.constant(_inside(argument))
            return subject._replace(text=f"{is_inside}({subject.text})")
        method = "startswith" if test.operator == "STARTS WITH" else "endswith"
        return subject._replace(text=f"{subject.text}.{method}({self.constant(argument)})")

    def _matches(self, glob: str, text: str) -> str:
        """A text glob; where one test of Python says the same, that, which costs a third."""
        inner = glob.strip("*")
        if MAGIC.search(inner):
            return f"{self.constant(tool_glob(glob))}({text})"
        argument = self.constant(inner)
        if glob == inner:
            return f"{text} == {argument}"
        if glob.startswith("*") and glob.endswith("*"):
            return f"{argument} in {text}"
        return f"{text}.{'endswith' if glob.startswith('*') else 'startswith'}({argument})"

    def _has(self, name: str, loaded: frozenset[str]) -> Code:
        if self._variable(name) in loaded:
            return Code("True", frozenset(), False)
        key = self.constant(name)
        value = f"({self._variable(name)} := facts.get({key}))"
        return Code(self.is_usable(name, value), frozenset(), False)

    def _operand(self, operand: Operand, loaded: frozenset[str]) -> Code:
        if isinstance(operand, Attribute):
            return self._fact(operand.name, loaded)
        if isinstance(operand, Count):
            return self._answer(operand, loaded)
        value = operand.value
        text = str(value) if isinstance(value, bool) else self.constant(value)
        return Code(text, frozenset(), False)

    def _answer(self, question: Count | Happened, loaded: frozenset[str]) -> Code:
        return self._value(question.query, loaded)

    def _fact(self, name: str, loaded: frozenset[str]) -> Code:
        return self._value(name, loaded)

    def _value(self, name: str | HistoryQuery, loaded: frozenset[str]) -> Code:
        variable = self._variable(name)
        is_loaded = variable in loaded
        text = variable if is_loaded else self._look_up(name)
        return Code(text, frozenset({variable}), not is_loaded)

    def _look_up(self, name: str | HistoryQuery) -> str:
        """The value of a fact or of a count; sets its variable, or raises KeyError."""
        key, variable = self.constant(name), self._variable(name)
        source = "history" if isinstance(name, HistoryQuery) else "facts"
        usable = self.is_usable(name, f"({variable} := {source}[{key}])")
        return f"({variable} if {usable} else missing({key}))"

    def is_usable(self, name: str | HistoryQuery, value: str) -> str:
        """Whether a value is of its declared type: what `Fact.problem_of` says, inline.

        `value` sets the variable of `name`, or is it.
        """
        variable = self._variable(name)
        if isinstance(name, HistoryQuery):
            return f"(type({value}) is int and {variable} >= 0)"
        fact = self._schema.facts[name]
        if fact.type is FactType.NUMBER:
            return (
                f"(type({value}) is int or type({variable}) is float and"
                f" -infinity < {variable} < infinity or"
                f" type({variable}) is Decimal and {variable}.is_finite())"
            )
        if fact.type is FactType.TEXTS:
            return f"(type({value}) in collections and is_texts({variable}))"
        if fact.values:
            values = self.constant(frozenset(fact.values))
            return f"(type({value}) is str and {variable} in {values})"
        return f"(type({value}) is {_PYTHON_NAMES[fact.type]})"

    def _is_number(self, operand: Operand) -> bool:
        return (
            isinstance(operand, Attribute)
            and self._schema.facts[operand.name].type is FactType.NUMBER
        )

    def _variable(self, name: str | HistoryQuery) -> str:
        return self.variables.setdefault(name, f"v{len(self.variables)}")

    def constant(self, value: object) -> str:
        name = self._names.setdefault((type(value), value), f"c{len(self._names)}")
        self.namespace[name] = value
        return name


_PYTHON_NAMES = {
    FactType.BOOLEAN: "bool",
    FactType.INTEGER: "int",
    FactType.TEXT: "str",
    FactType.PATH: "str",
}
