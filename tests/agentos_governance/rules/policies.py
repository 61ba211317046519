"""Random policies, facts and histories that fit together, from one source of randomness."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar, cast

from agentos_governance.rules import Fact, FactType, HistoryQuery, Policy, Schema, Target
from agentos_governance.rules.tree import (
    UNIT_SECONDS,
    And,
    Attribute,
    Comment,
    Comparison,
    Condition,
    Count,
    Duration,
    Happened,
    Has,
    LimitRule,
    Literal,
    Membership,
    Moment,
    Not,
    Operand,
    Or,
    Rule,
    Statement,
    TextTest,
    ValueType,
    Verb,
    questions_of,
)

T = TypeVar("T")

CAPABILITIES = ("read", "write", "execute", "network")
COLOURS = ("red", "green", "blue")

SCHEMA = Schema(
    {
        "tool": Fact(FactType.TEXT, "tool"),
        "capability": Fact(FactType.TEXT, "capability", values=CAPABILITIES),
        "tool.writes": Fact(FactType.BOOLEAN, "boolean"),
        "flag": Fact(FactType.BOOLEAN, "boolean"),
        "hour": Fact(FactType.INTEGER, "integer"),
        "attempt": Fact(FactType.INTEGER, "integer"),
        "risk": Fact(FactType.NUMBER, "number"),
        "spent": Fact(FactType.NUMBER, "number"),
        "worker": Fact(FactType.TEXT, "text"),
        "person": Fact(FactType.TEXT, "text"),
        "colour": Fact(FactType.TEXT, "text of three", values=COLOURS),
        "path": Fact(FactType.PATH, "path"),
        "other.path": Fact(FactType.PATH, "path"),
        "labels": Fact(FactType.TEXTS, "set"),
    }
)

TOOLS = ("search_code", "run_command", "Bash", "Edit", "mcp-server.tool", "read", "if", "two words")
TEXTS = ("", "a", "ab", "abc", "b", "a*b", 'q"uo\\te', "line\nbreak", "\u202e\u00e9", "\U0001f600#")
PATHS = ("", "src", "src/a.py", "src/x/b.py", "docs/a.md", "docs", "migrations/0001.sql", "a b/c")
PATH_GLOBS = ("src", "src/", "src/**", "**/*.py", "src/*/b.py", "docs/*.md", "**", ".", "a b/?")
TEXT_GLOBS = ("*", "a*", "*b", "a*b", "*b*", "??", "[ab]*", "[!a]", "a", "[", "*\n*", "\u202e*")
SIMPLE_TEXT_GLOBS = ("*", "a*", "*b", "a*b", "*b*", "a", "*e")
TOOL_GLOBS = ("*", "run_*", "*e*", "[BE]*", "search_cod?")
SIMPLE_TOOL_GLOBS = ("*", "run_*", "*e*")
NUMBERS = tuple(map(Decimal, ("0.1", "0.3", "0.7", "-1.5", "0.30000000000001")))
FLOATS = (0.1, 0.3, 0.7, 0.1 + 0.2, -1.5, 2.0, 1e300, 5e-324)


@dataclass(frozen=True)
class Subset:
    """What a policy may use, so that another engine can say it too."""

    asks_and_limits: bool = True
    fractions: bool = True
    mixed_numbers: bool = True
    """Ints and Decimals where floats stand, and comparisons between facts."""
    path_globs: bool = True
    rich_globs: bool = True
    untyped_facts: bool = True
    layout: bool = True
    p_missing: float = 0.1


EVERYTHING = Subset()
CEDAR = Subset(
    asks_and_limits=True,
    fractions=False,
    path_globs=False,
    rich_globs=False,
    untyped_facts=False,
    layout=False,
    p_missing=0.04,
)
CEL = Subset(
    mixed_numbers=False, rich_globs=False, untyped_facts=False, layout=False, p_missing=0.04
)


class Maker:
    """Makes policies and calls of a subset."""

    def __init__(self, rng: random.Random, subset: Subset = EVERYTHING) -> None:
        self.rng = rng
        self.subset = subset

    def policy(self, max_statements: int = 6) -> Policy:
        """A policy in the parser's normal form."""
        items: list[Statement | Comment] = []
        taken: set[str] = set()
        for _ in range(self.rng.randint(0, max_statements)):
            if self.subset.layout and self._chance(0.2):
                items.append(Comment(self._comment(), self._blank(items)))
            items.append(self._statement(self._id(taken), self._blank(items)))
        return Policy(tuple(items))

    def facts(self) -> dict[str, object]:
        """Values for the schema's facts; some are missing, and some of a wrong type."""
        facts: dict[str, object] = {}
        for name, fact in SCHEMA.facts.items():
            if self._chance(self.subset.p_missing):
                continue
            wrong = self.subset.untyped_facts and self._chance(0.04)
            facts[name] = self._wrong(fact) if wrong else self._value(name, fact)
        return facts

    def history(self, policy: Policy) -> dict[HistoryQuery, int]:
        """Answers to a policy's questions; some are missing."""
        answers: dict[HistoryQuery, int] = {}
        for statement in policy.statements:
            for question in questions_of(statement):
                if not self._chance(self.subset.p_missing):
                    answers[question.query] = self.rng.randint(0, 3)
        return answers

    def condition(self, depth: int = 3) -> Condition:
        """A condition that fits the schema."""
        if depth > 0 and self._chance(0.45):
            kind = self.rng.randrange(3)
            if kind == 0:
                return Not(self.condition(depth - 1))
            terms = tuple(self.condition(depth - 1) for _ in range(self.rng.randint(2, 3)))
            return And(terms) if kind == 1 else Or(terms)
        return self._test()

    def _statement(self, id_: str | None, blank: bool) -> Statement:
        condition = self.condition() if self._chance(0.75) else None
        reason = self._pick(TEXTS[1:]) if self.subset.layout and self._chance(0.2) else None
        comment = self._comment() if self.subset.layout and self._chance(0.2) else None
        if self.subset.layout and self._chance(0.15):
            max_calls = self.rng.choice((0, 1, 20))
            per = self._pick(("claim", "work_order", self._duration()))
            target = self._target()
            return LimitRule(
                target, max_calls, cast("Any", per), condition, reason, id_, comment, blank
            )
        verb: Verb = self._pick(("ALLOW", "ALLOW", "ALLOW", "DENY", "DENY", "ASK"))
        target = self._target() if self._chance(0.5) else Target("any")
        return Rule(verb, target, condition, reason, id_, comment, blank)

    def _test(self) -> Condition:
        makers = [self._comparison, self._membership, self._text_test, self._alone, self._history]
        return self._pick(makers)()

    def _alone(self) -> Condition:
        roll = self.rng.randrange(5)
        if roll == 0:
            return Literal(ValueType.BOOLEAN, self._chance(0.5))
        if roll == 1:
            return Has(Attribute(self._pick(tuple(SCHEMA.facts))))
        return Attribute(self._of(FactType.BOOLEAN))

    def _history(self) -> Condition:
        if self._chance(0.5):
            return Happened(self._target(), self._since())
        count = Count(self._target(), self._since())
        return Comparison(self._order(), count, self._integer())

    def _comparison(self) -> Condition:
        roll = self.rng.randrange(7)
        left, right, operator = self._sides(roll)
        if self._chance(0.2):
            left, right = right, left
        return Comparison(operator, left, right)

    def _sides(self, roll: int) -> tuple[Operand, Operand, str]:
        equality = self._pick(("==", "!="))
        if roll == 0:
            flag = Literal(ValueType.BOOLEAN, self._chance(0.5))
            return Attribute(self._of(FactType.BOOLEAN)), flag, equality
        if roll == 1:
            return Attribute(self._pick(("worker", "person"))), self._text(TEXTS), equality
        if roll == 2:
            path = self._text(PATHS)
            other: Operand = path if self._chance(0.7) else Attribute("worker")
            return Attribute(self._of(FactType.PATH)), other, equality
        if roll == 3:
            return Attribute("colour"), self._text(COLOURS), equality
        if roll in {4, 5} or not self.subset.mixed_numbers:
            if self._chance(0.4):
                return Attribute(self._of(FactType.INTEGER)), self._integer(), self._order()
            return Attribute(self._of(FactType.NUMBER)), self._number(), self._order()
        names = ("risk", "spent", "hour", "attempt")
        return Attribute(self._pick(names)), Attribute(self._pick(names)), self._order()

    def _membership(self) -> Condition:
        n_items = self.rng.randint(1, 3)
        roll = self.rng.randrange(4)
        if roll == 0:
            item: Operand = self._text(TEXTS) if self._chance(0.7) else Attribute("worker")
            return Membership(item, Attribute("labels"))
        if roll == 1:
            items = tuple(self._integer() for _ in range(n_items))
            return Membership(Attribute(self._of(FactType.INTEGER)), items)
        if roll == 2:
            items = tuple(self._number() for _ in range(n_items))
            return Membership(Attribute(self._of(FactType.NUMBER)), items)
        items = tuple(self._text(TEXTS) for _ in range(n_items))
        return Membership(Attribute(self._pick(("worker", "person"))), items)

    def _text_test(self) -> Condition:
        roll = self.rng.randrange(4)
        if roll == 0 and self.subset.path_globs:
            return TextTest("MATCHES", Attribute(self._of(FactType.PATH)), self._text(PATH_GLOBS))
        subject = Attribute(self._pick(("worker", "person", "tool")))
        if roll <= 1:
            globs = TEXT_GLOBS if self.subset.rich_globs else SIMPLE_TEXT_GLOBS
            return TextTest("MATCHES", subject, self._text(globs))
        return TextTest("STARTS WITH" if roll == 2 else "ENDS WITH", subject, self._text(TEXTS[1:]))

    def _target(self) -> Target:
        roll = self.rng.randrange(4)
        if roll == 0:
            return Target("any", self._pick(("operation", "any")))
        if roll == 1:
            return Target("capability", self._pick(CAPABILITIES))
        globs = TOOL_GLOBS if self.subset.rich_globs else SIMPLE_TOOL_GLOBS
        return Target("tool", self._pick(globs if roll == 2 else TOOLS))

    def _since(self) -> Moment | Duration:
        moments: tuple[Moment, ...] = ("claim", "creation")
        return self._pick(moments) if self._chance(0.6) else self._duration()

    def _duration(self) -> Duration:
        return Duration(self.rng.randint(1, 60), self._pick(tuple(UNIT_SECONDS)))

    def _order(self) -> str:
        return self._pick(("==", "!=", "<", "<=", ">", ">="))

    def _of(self, type_: FactType) -> str:
        return self._pick(tuple(name for name, fact in SCHEMA.facts.items() if fact.type is type_))

    def _text(self, texts: tuple[str, ...]) -> Literal:
        return Literal(ValueType.TEXT, self._pick(texts))

    def _integer(self) -> Literal:
        return Literal(ValueType.NUMBER, self.rng.randint(-1, 4))

    def _number(self) -> Literal:
        if self.subset.fractions and self._chance(0.7):
            return Literal(ValueType.NUMBER, self._pick(NUMBERS))
        return self._integer()

    def _value(self, name: str, fact: Fact) -> object:
        if fact.values:
            return self._pick(fact.values)
        if fact.type is FactType.BOOLEAN:
            return self._chance(0.5)
        if fact.type is FactType.INTEGER:
            return self.rng.randint(-1, 4)
        if fact.type is FactType.NUMBER:
            return self._number_value()
        if fact.type is FactType.PATH:
            return self._pick(PATHS)
        if fact.type is FactType.TEXTS:
            kind = self._pick((list, tuple, set, frozenset)) if self.subset.layout else list
            return kind(self.rng.sample(TEXTS, self.rng.randint(0, 3)))
        return self._pick(TOOLS if name == "tool" else TEXTS)

    def _number_value(self) -> object:
        if not self.subset.fractions:
            return self.rng.randint(-1, 4)
        if not self.subset.mixed_numbers:
            return self._pick(FLOATS)
        return self._pick((self._pick(FLOATS), self._pick(NUMBERS), self.rng.randint(-1, 4)))

    def _wrong(self, fact: Fact) -> object:
        if fact.values and self._chance(0.5):
            return "violet"
        return self._pick(
            (
                None,
                "1",
                1,
                True,
                0.5,
                float("nan"),
                float("inf"),
                Decimal("NaN"),
                Decimal("sNaN"),
                b"a",
                ["a", 1],
                {"a": 1},
                object(),
                [],
            )
        )

    def _id(self, taken: set[str]) -> str | None:
        if not self._chance(0.3):
            return None
        id_ = self._pick(tuple(string.ascii_lowercase)) + "-" + str(len(taken))
        taken.add(id_)
        return id_

    def _comment(self) -> str:
        return self._pick(("", " why", "# two", ' ALLOW read "x', " \u00e9\u4e2d"))

    def _blank(self, items: list[Any]) -> bool:
        return self.subset.layout and bool(items) and self._chance(0.2)

    def _chance(self, p: float) -> bool:
        return self.rng.random() < p

    def _pick(self, values: tuple[T, ...] | list[T]) -> T:
        return values[self.rng.randrange(len(values))]
