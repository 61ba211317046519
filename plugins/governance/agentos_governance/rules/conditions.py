"""Conditions by recursive descent: OR of ANDs of NOTs of tests.

Above: the parser of statements. Below: the token stream, tree.
"""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from agentos_governance.rules.errors import did_you_mean, quoted
from agentos_governance.rules.lexer import Token, TokenKind
from agentos_governance.rules.sizes import MAX_LIST_ITEMS, MAX_NESTING
from agentos_governance.rules.stream import TokenStream
from agentos_governance.rules.tree import (
    And,
    Attribute,
    Comparison,
    Condition,
    Count,
    Duration,
    Happened,
    Has,
    Literal,
    Membership,
    Moment,
    Not,
    Operand,
    Or,
    Span,
    Target,
    TextOperator,
    TextTest,
    ValueType,
)
from agentos_governance.rules.words import COMPARISONS, FUNCTIONS, MOMENTS, VALUES


class ConditionParser:
    """Reads conditions from a token stream."""

    def __init__(self, stream: TokenStream) -> None:
        self._stream = stream
        self._depth = 0

    def read(self) -> Condition:
        """A whole condition."""
        start = self._stream.here.span
        terms = [self._conjunction()]
        while self._stream.accept("OR"):
            terms.append(self._conjunction())
        if len(terms) == 1:
            return terms[0]
        return Or(tuple(terms), self._stream.span_from(start))

    def _conjunction(self) -> Condition:
        start = self._stream.here.span
        terms = [self._negation()]
        while self._stream.accept("AND"):
            terms.append(self._negation())
        if len(terms) == 1:
            return terms[0]
        return And(tuple(terms), self._stream.span_from(start))

    def _negation(self) -> Condition:
        token = self._stream.here
        if self._stream.accept("NOT"):
            self._enter(token)
            operand = self._negation()
            self._depth -= 1
            return Not(operand, self._stream.span_from(token.span))
        if self._stream.accept("("):
            self._enter(token)
            condition = self.read()
            self._depth -= 1
            self._stream.expect(")", " to close the parenthesis")
            return condition
        return self._test()

    def _enter(self, token: Token) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            problem = f"a condition nests at most {MAX_NESTING} deep"
            self._stream.refuse(problem, token.span)

    def _test(self) -> Condition:
        stream = self._stream
        start = stream.here.span
        if stream.at_call() and stream.here.text in {"has", "happened"}:
            return self._has() if stream.here.text == "has" else self._happened()
        left = self._operand()
        if stream.at(*COMPARISONS):
            return self._comparison(left, start)
        if stream.accept("IN"):
            return Membership(left, self._collection(), stream.span_from(start))
        if stream.at("MATCHES", "STARTS", "ENDS"):
            return self._text_test(left, start)
        return self._alone(left)

    def _alone(self, operand: Operand) -> Condition:
        """An operand that is a condition by itself."""
        if isinstance(operand, Attribute):
            return operand
        if isinstance(operand, Literal) and operand.type is ValueType.BOOLEAN:
            return operand
        if isinstance(operand, Count):
            self._stream.refuse_expected("a comparison such as `>= 1` behind count(...)")
        self._stream.refuse_expected(f"a comparison behind {operand.type}")

    def _comparison(self, left: Operand, start: Span) -> Comparison:
        operator = self._stream.take().text
        right = self._operand()
        if self._stream.at(*COMPARISONS):
            hint = "write a < b AND b < c"
            self._stream.refuse("comparisons cannot be chained", self._stream.here.span, hint)
        return Comparison(operator, left, right, self._stream.span_from(start))

    def _operand(self) -> Operand:
        stream = self._stream
        token = stream.here
        if stream.at_call():
            return self._count()
        if token.kind not in {TokenKind.TEXT, TokenKind.NUMBER, TokenKind.NAME}:
            stream.refuse_expected("a fact, a value or a condition")
        if token.kind is TokenKind.NAME and token.text not in VALUES:
            return self._attribute()
        return self._literal()

    def _literal(self) -> Literal:
        token = self._stream.take()
        if token.kind is TokenKind.NAME:
            return Literal(ValueType.BOOLEAN, token.text == "true", token.span)
        if isinstance(token.value, int | Decimal):
            return Literal(ValueType.NUMBER, token.value, token.span)
        return Literal(ValueType.TEXT, token.text, token.span)

    def _attribute(self) -> Attribute:
        token = self._stream.expect_kind(TokenKind.NAME, "the name of a fact")
        self._stream.check_not_keyword(token)
        if token.text in VALUES:
            self._stream.refuse(f"{quoted(token.text)} is a value, not a fact", token.span)
        return Attribute(token.text, token.span)

    def _collection(self) -> Attribute | tuple[Literal, ...]:
        stream = self._stream
        if not stream.at("["):
            if not stream.at_kind(TokenKind.NAME):
                stream.refuse_expected("a list in [ ] or the name of a set")
            return self._attribute()
        opening = stream.take()
        items = [self._item()]
        while stream.accept(","):
            items.append(self._item())
            if len(items) > MAX_LIST_ITEMS:
                stream.refuse(f"a list has at most {MAX_LIST_ITEMS} items", opening.span)
        stream.expect("]", " or a comma in the list")
        return tuple(items)

    def _item(self) -> Literal:
        if self._stream.here.kind not in {TokenKind.TEXT, TokenKind.NUMBER}:
            self._stream.refuse_expected("text or a number in the list")
        return self._literal()

    def _text_test(self, left: Operand, start: Span) -> TextTest:
        stream = self._stream
        keyword = stream.take().text
        if keyword != "MATCHES":
            stream.expect("WITH", f" behind {keyword}")
            keyword = f"{keyword} WITH"
        if not isinstance(left, Attribute):
            stream.refuse(f"only a fact can stand before {keyword}", start)
        token = stream.expect_kind(TokenKind.TEXT, "text in double quotes")
        if keyword == "MATCHES":
            stream.count_glob(token)
        elif not token.text:
            stream.refuse(f"{keyword} empty text holds for every text", token.span)
        argument = Literal(ValueType.TEXT, token.text, token.span)
        operator = cast("TextOperator", keyword)
        return TextTest(operator, left, argument, stream.span_from(start))

    def _has(self) -> Has:
        start = self._stream.take().span
        self._stream.expect("(")
        attribute = self._attribute()
        self._stream.expect(")")
        return Has(attribute, self._stream.span_from(start))

    def _happened(self) -> Happened:
        start = self._stream.here.span
        target, since = self._history()
        happened = Happened(target, since, self._stream.span_from(start))
        self._stream.count_query(happened.query, start)
        return happened

    def _count(self) -> Count:
        token = self._stream.here
        if token.text != "count":
            hint = did_you_mean(token.text, FUNCTIONS)
            if token.text == "calls":
                hint = "calls(...) belongs to LIMIT; write count(...) SINCE ... >= 1"
            self._stream.refuse(f"unknown function {quoted(token.text)}", token.span, hint)
        target, since = self._history()
        count = Count(target, since, self._stream.span_from(token.span))
        self._stream.count_query(count.query, token.span)
        return count

    def _history(self) -> tuple[Target, Moment | Duration]:
        stream = self._stream
        name = stream.take().text
        stream.expect("(")
        target = stream.target()
        stream.expect(")")
        stream.expect("SINCE", f" behind {name}(...)")
        token = stream.here
        if isinstance(token.value, Duration):
            stream.take()
            return target, token.value
        if token.kind is not TokenKind.NAME or token.text not in MOMENTS:
            stream.refuse_expected("claim, creation or a duration such as 10m", [*MOMENTS])
        stream.take()
        return target, cast("Moment", token.text)
