"""Reads the text of a query, and says where it is wrong.

Above: the tool. Below: the query's form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NoReturn

from agentos_memory.knowledge.query_form import (
    DEFAULT_LIMIT,
    MAX_HOPS,
    MAX_ITEMS,
    MAX_LIMIT,
    MAX_NESTING,
    MAX_PATTERN_NODES,
    Combination,
    Comparison,
    Condition,
    EdgePattern,
    Item,
    NodePattern,
    Operator,
    PathPattern,
    Property,
    Query,
    Value,
)
from agentos_memory.knowledge.query_names import (
    ALL_EDGE_KINDS,
    EDGE_PROPERTIES,
    NODE_KINDS,
    NODE_PROPERTIES,
    nearest,
)
from agentos_memory.knowledge.query_tokens import Token, split, unexpected, wrong_at

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LITERALS: Mapping[str, Value] = {"TRUE": True, "FALSE": False, "NULL": None}


def parse_query(text: str) -> Query:
    """The query; InvalidArgumentError says what was expected, and at which character."""
    return _Parser(text).query()


class _Parser:
    """Reads one query from left to right, one token ahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = split(text)
        self._at = 0
        self._unnamed = 0
        self._kinds: dict[str, Literal["node", "edge"]] = {}

    def query(self) -> Query:
        self._expect_word("MATCH")
        patterns = [self._path()]
        while self._skip(",") or self._skip_word("MATCH"):
            patterns.append(self._path())
        if sum(len(pattern.nodes) for pattern in patterns) > MAX_PATTERN_NODES:
            self._fail(f"at most {MAX_PATTERN_NODES} nodes in all patterns")
        condition = self._condition(0) if self._skip_word("WHERE") else None
        self._expect_word("RETURN")
        is_distinct = self._skip_word("DISTINCT")
        items = [self._item()]
        while self._skip(","):
            items.append(self._item())
        if len(items) > MAX_ITEMS:
            self._fail(f"at most {MAX_ITEMS} columns")
        order = self._order(items)
        skip = self._count("SKIP", 10_000, 0)
        limit = self._count("LIMIT", MAX_LIMIT, DEFAULT_LIMIT)
        if self._peek().kind != "end":
            self._fail("the end of the query")
        return Query(
            tuple(patterns), condition, tuple(items), is_distinct, tuple(order), skip, limit
        )

    def _path(self) -> PathPattern:
        nodes, edges = [self._node()], []
        while self._peek().text in ("-", "<-"):
            edges.append(self._edge())
            nodes.append(self._node())
        return PathPattern(tuple(nodes), tuple(edges))

    def _node(self) -> NodePattern:
        self._expect("(")
        variable = self._variable("node")
        kinds = self._labels("node", NODE_KINDS)
        properties = self._properties() if self._peek().text == "{" else ()
        self._expect(")")
        return NodePattern(variable, kinds, properties)

    def _edge(self) -> EdgePattern:
        goes_left = self._next().text == "<-"
        variable, kinds, bounds = "", frozenset[str](), (1, 1)
        if self._skip("["):
            variable = self._variable("edge")
            kinds = self._labels("edge", ALL_EDGE_KINDS)
            bounds = self._bounds() if self._skip("*") else (1, 1)
            self._expect("]")
        else:
            variable = self._fresh()
        goes_right = self._next_of("->", "-").text == "->"
        if goes_left and goes_right:
            self._fail("one direction, `-[]->`, `<-[]-` or `-[]-`")
        either = not goes_left and not goes_right
        return EdgePattern(variable, kinds, goes_right or either, goes_left or either, *bounds)

    def _bounds(self) -> tuple[int, int]:
        shortest = self._integer() if self._peek().kind == "number" else 1
        longest = shortest
        if self._skip(".."):
            longest = self._integer() if self._peek().kind == "number" else MAX_HOPS
        elif self._tokens[self._at - 1].text == "*":
            longest = MAX_HOPS
        if not 1 <= shortest <= longest <= MAX_HOPS:
            self._fail(f"a length between 1 and {MAX_HOPS}, such as *1..3")
        return shortest, longest

    def _labels(self, what: str, allowed: frozenset[str]) -> frozenset[str]:
        if not self._skip(":"):
            return frozenset()
        labels = [self._one_of(f"kind of {what}", allowed)]
        while self._skip("|"):
            self._skip(":")
            labels.append(self._one_of(f"kind of {what}", allowed))
        return frozenset(labels)

    def _one_of(self, what: str, allowed: frozenset[str]) -> str:
        """A name that nodes or edges can have: an empty answer to another would look like a fact."""
        name = self._word(f"a {what}")
        if name not in allowed:
            self._at -= 1
            meant = nearest(name, allowed)
            raise wrong_at(
                self._text,
                self._peek().at,
                f"there is no {what} {name[:100]!r}"
                + (f"; did you mean {meant!r}?" if meant is not None else ""),
                f"use one of: {', '.join(sorted(allowed))}",
            )
        return name

    def _property_of(self, variable: str) -> str:
        is_node = self._kinds[variable] == "node"
        return self._one_of("property", NODE_PROPERTIES if is_node else EDGE_PROPERTIES)

    def _properties(self) -> tuple[tuple[str, Value], ...]:
        self._expect("{")
        found = []
        while True:
            name = self._one_of("property", NODE_PROPERTIES)
            self._expect(":")
            found.append((name, self._literal()))
            if not self._skip(","):
                break
        self._expect("}")
        return tuple(found)

    def _condition(self, depth: int) -> Condition:
        parts = [self._conjunction(depth)]
        while self._skip_word("OR"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else Combination("OR", tuple(parts))

    def _conjunction(self, depth: int) -> Condition:
        parts = [self._negation(depth)]
        while self._skip_word("AND"):
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else Combination("AND", tuple(parts))

    def _negation(self, depth: int) -> Condition:
        if depth > MAX_NESTING:
            self._fail(f"at most {MAX_NESTING} levels of NOT and parentheses")
        if self._skip_word("NOT"):
            return Combination("NOT", (self._negation(depth + 1),))
        if self._skip("("):
            inner = self._condition(depth + 1)
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        left = self._property()
        if self._skip_word("IS"):
            operator: Operator = "IS NOT NULL" if self._skip_word("NOT") else "IS NULL"
            self._expect_word("NULL")
            return Comparison(left, operator, None)
        if self._skip_word("IN"):
            return Comparison(left, "IN", self._list())
        for first, whole in (("STARTS", "STARTS WITH"), ("ENDS", "ENDS WITH")):
            if self._skip_word(first):
                self._expect_word("WITH")
                return Comparison(left, _operator(whole), self._operand())
        if self._skip_word("CONTAINS"):
            return Comparison(left, "CONTAINS", self._operand())
        mark = self._next_of("=", "<>", "<", "<=", ">", ">=")
        return Comparison(left, _operator(mark.text), self._operand())

    def _operand(self) -> Value | Property:
        token = self._peek()
        if token.kind == "word" and token.text.upper() not in _LITERALS:
            return self._property()
        return self._literal()

    def _list(self) -> tuple[Value, ...]:
        self._expect("[")
        found: list[Value] = []
        while self._peek().text != "]":
            found.append(self._literal())
            if len(found) > 100:
                self._fail("at most 100 values")
            if not self._skip(","):
                break
        self._expect("]")
        return tuple(found)

    def _property(self) -> Property:
        variable = self._word("a variable")
        if variable == "type" and self._skip("("):
            of = self._known(self._word("a variable"))
            self._expect(")")
            return Property(of, "kind")
        self._known(variable)
        self._expect(".")
        return Property(variable, self._property_of(variable))

    def _item(self) -> Item:
        start = self._peek().at
        if self._peek().text.lower() == "count" and self._ahead(1).text == "(":
            self._at += 2
            item = Item("", None, is_count=True)
            if not self._skip("*"):
                is_distinct = self._skip_word("DISTINCT")
                variable = self._known(self._word("a variable or *"))
                name = self._property_of(variable) if self._skip(".") else "id"
                item = Item("", Property(variable, name), True, is_distinct)
            self._expect(")")
        else:
            item = Item("", self._property())
        label = self._text[
            start : self._tokens[self._at - 1].at + len(self._tokens[self._at - 1].text)
        ]
        if self._skip_word("AS"):
            label = self._word("a name")
        return Item(label.strip(), item.property, item.is_count, item.is_distinct)

    def _order(self, items: Sequence[Item]) -> list[tuple[int, bool]]:
        order: list[tuple[int, bool]] = []
        if not self._skip_word("ORDER"):
            return order
        self._expect_word("BY")
        while True:
            at = self._at
            labels = [item.label for item in items]
            if self._peek().text in labels and self._ahead(1).text not in (".", "("):
                position = labels.index(self._next().text)
            else:
                wanted = self._item()
                same = [(i.property, i.is_count) for i in items]
                if (wanted.property, wanted.is_count) not in same:
                    self._at = at
                    self._fail("a column of RETURN")
                position = same.index((wanted.property, wanted.is_count))
            descends = self._skip_word("DESC") or self._skip_word("DESCENDING")
            if not descends:
                _ = self._skip_word("ASC") or self._skip_word("ASCENDING")
            order.append((position, descends))
            if not self._skip(","):
                return order

    def _count(self, word: str, most: int, default: int) -> int:
        if not self._skip_word(word):
            return default
        given = self._integer()
        if not 0 <= given <= most:
            self._at -= 1
            self._fail(f"{word} of at most {most}")
        return given

    def _variable(self, kind: Literal["node", "edge"]) -> str:
        if self._peek().kind != "word":
            return self._fresh()
        name = self._next().text
        if self._kinds.setdefault(name, kind) != kind:
            self._at -= 1
            self._fail(f"{name!r} is a {self._kinds[name]} already; another name")
        return name

    def _fresh(self) -> str:
        self._unnamed += 1
        return f" {self._unnamed}"

    def _known(self, variable: str) -> str:
        if variable not in self._kinds:
            self._at -= 1
            known = ", ".join(sorted(self._kinds)) or "none"
            self._fail(f"a variable of MATCH (there are: {known})")
        return variable

    def _literal(self) -> Value:
        token = self._next()
        if token.kind == "text":
            return _ESCAPE.sub(r"\1", token.text[1:-1])
        if token.kind == "number":
            return float(token.text) if "." in token.text else int(token.text)
        if token.kind == "word" and token.text.upper() in _LITERALS:
            return _LITERALS[token.text.upper()]
        self._at -= 1
        self._fail("a text in quotes, a number, true, false or null")

    def _integer(self) -> int:
        token = self._peek()
        if token.kind != "number" or not token.text.isdecimal() or len(token.text) > 9:
            self._fail("a whole number")
        return int(self._next().text)

    def _word(self, expected: str) -> str:
        if self._peek().kind != "word":
            self._fail(expected)
        return self._next().text

    def _skip(self, mark: str) -> bool:
        if self._peek().kind == "mark" and self._peek().text == mark:
            self._at += 1
            return True
        return False

    def _skip_word(self, word: str) -> bool:
        if self._peek().kind == "word" and self._peek().text.upper() == word:
            self._at += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._skip(mark):
            self._fail(f"`{mark}`")

    def _expect_word(self, word: str) -> None:
        if not self._skip_word(word):
            self._fail(word)

    def _next_of(self, *marks: str) -> Token:
        if self._peek().kind != "mark" or self._peek().text not in marks:
            self._fail(" or ".join(f"`{mark}`" for mark in marks))
        return self._next()

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _ahead(self, count: int) -> Token:
        return self._tokens[min(self._at + count, len(self._tokens) - 1)]

    def _next(self) -> Token:
        token = self._peek()
        if token.kind != "end":
            self._at += 1
        return token

    def _fail(self, expected: str) -> NoReturn:
        raise unexpected(self._text, self._peek().at, expected)


def _operator(text: str) -> Operator:
    found: Operator = text  # type: ignore[assignment]
    return found
