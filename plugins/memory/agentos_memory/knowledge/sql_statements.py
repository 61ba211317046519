"""What SQL statements define, read and write: tables, columns, indexes, views.

Tolerant of dialects: it looks for the few clauses that name tables and columns, and passes over
the rest. Names in common table expressions and of functions are no tables. Above: extractors of
SQL files and of strings in code. Below: tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agentos_memory.knowledge.sql_tokens import Token, statements

SqlAction: TypeAlias = Literal[
    "create_table", "create_view", "create_column", "create_index", "references", "alter", "drop",
    "reads", "writes",
]  # fmt: skip

_CONSTRAINTS_TEXT = (
    "constraint primary foreign unique check exclude like index key period fulltext spatial"
)
_CONSTRAINTS = frozenset(_CONSTRAINTS_TEXT.split())
_NOT_COLUMNS_TEXT = """select from where and or not null is in as on by group order having limit offset join left
    right inner outer full cross using set values into insert update delete case when then else end
    distinct all any exists between like ilike asc desc union except intersect with recursive
    returning true false interval date timestamp for of skip locked nulls first last coalesce
    cast default conflict do nothing excluded lateral over partition current_timestamp now
    current_date row rows"""
_NOT_COLUMNS = frozenset(_NOT_COLUMNS_TEXT.split())
_AFTER_TABLE_TEXT = """where set on join left right inner outer full cross natural using group order having limit
    offset union except intersect returning values select for window fetch lateral tablesample
    with default when then as straight_join force use ignore qualify"""
_AFTER_TABLE = frozenset(_AFTER_TABLE_TEXT.split())
# Functions whose arguments contain FROM.
_WITH_FROM = frozenset({"extract", "substring", "trim", "overlay", "position"})


@dataclass(frozen=True, slots=True)
class SqlFact:
    """One thing a statement says of a table: `name` is a column, an index or another table."""

    action: SqlAction
    table: str
    line: int
    name: str = ""


def sql_facts(text: str, first_line: int = 1) -> list[SqlFact]:
    """Everything the statements of `text` say, in order, each once."""
    found: dict[SqlFact, None] = {}
    for tokens in statements(text, first_line):
        for fact in _facts(_Cursor(tokens)):
            found.setdefault(fact, None)
    return list(found)


class _Cursor:
    """A position in the tokens of one statement."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def word(self, ahead: int = 0) -> str:
        return self.token(ahead).word

    def text(self, ahead: int = 0) -> str:
        token = self.token(ahead)
        return "" if token.is_name else token.text

    def token(self, ahead: int = 0) -> Token:
        index = self.at + ahead
        return self.tokens[index] if 0 <= index < len(self.tokens) else Token("", "", 0, False)

    def skip(self, *words: str) -> bool:
        """Pass over any of the words, however many; whether there was one."""
        before = self.at
        while self.word() in words and self.word():
            self.at += 1
        return self.at > before

    def name(self) -> tuple[str, int] | None:
        """A dotted name and its line; nothing is consumed where none stands."""
        parts: list[str] = []
        line, start = self.token().line, self.at
        while self.token().is_name:
            parts.append(self.token().text)
            self.at += 1
            if self.text() != "." or not self.token(1).is_name:
                break
            self.at += 1
        if not parts or len(parts) > 3:
            self.at = start
            return None
        return _plain_name(parts), line

    def group(self) -> list[list[Token]]:
        """The members, separated by commas, of the parentheses that open here."""
        if self.text() != "(":
            return []
        depth, members = 0, [[]]  # type: tuple[int, list[list[Token]]]
        while self.at < len(self.tokens):
            mark = self.text()
            depth += (mark == "(") - (mark == ")")
            if depth == 0:
                self.at += 1
                break
            if mark == "," and depth == 1:
                members.append([])
            elif not (mark == "(" and depth == 1 and not members[0]):
                members[-1].append(self.token())
            self.at += 1
        return [member for member in members if member]


def _plain_name(parts: Sequence[str]) -> str:
    if len(parts) > 1 and parts[0].lower() in ("public", "dbo"):
        parts = parts[1:]
    return ".".join(parts)


def _facts(cursor: _Cursor) -> Iterator[SqlFact]:
    start = cursor.word()
    if start == "create":
        cursor.at += 1
        yield from _create(cursor)
    elif start == "alter" and cursor.word(1) == "table":
        cursor.at += 2
        yield from _alter(cursor)
    elif start == "drop" and cursor.word(1) in ("table", "view"):
        cursor.at += 2
        cursor.skip("if", "exists")
        if (name := cursor.name()) is not None:
            yield SqlFact("drop", name[0], name[1])
    elif start in ("select", "insert", "update", "delete", "with", "merge", "truncate", "replace"):
        yield from _queries(cursor)


def _create(cursor: _Cursor) -> Iterator[SqlFact]:
    cursor.skip("or", "replace", "temp", "temporary", "unlogged", "global", "local",
                "unique", "clustered", "nonclustered", "materialized", "external",
                "foreign", "virtual")  # fmt: skip
    what = cursor.word()
    cursor.at += 1
    if what == "index":
        yield from _create_index(cursor)
    elif what in ("table", "view"):
        cursor.skip("if", "not", "exists")
        named = cursor.name()
        if named is None:
            return
        yield SqlFact("create_table" if what == "table" else "create_view", *named)
        if what == "table":
            for member in cursor.group():
                yield from _member(named[0], member)
        for fact in _queries(cursor):
            if fact.action == "reads" and not fact.name:
                yield SqlFact("references", named[0], fact.line, fact.table)


def _member(table: str, member: Sequence[Token]) -> Iterator[SqlFact]:
    first = member[0]
    if first.is_name and first.word not in _CONSTRAINTS:
        yield SqlFact("create_column", table, first.line, first.text)
    yield from _references(table, member)


def _references(table: str, tokens: Sequence[Token]) -> Iterator[SqlFact]:
    for index, token in enumerate(tokens):
        if token.word == "references":
            cursor = _Cursor(tokens)
            cursor.at = index + 1
            if (target := cursor.name()) is not None:
                yield SqlFact("references", table, target[1], target[0])


def _create_index(cursor: _Cursor) -> Iterator[SqlFact]:
    cursor.skip("concurrently", "if", "not", "exists")
    named = None if cursor.word() == "on" else cursor.name()
    if not cursor.skip("on", "only"):
        return
    table = cursor.name()
    if table is not None:
        name, line = named or (f"{table[0]} (unnamed)", table[1])
        yield SqlFact("create_index", table[0], line, name)


def _alter(cursor: _Cursor) -> Iterator[SqlFact]:
    cursor.skip("if", "exists", "only")
    table = cursor.name()
    if table is None:
        return
    yield SqlFact("alter", *table)
    while cursor.at < len(cursor.tokens):
        if cursor.skip("add"):
            cursor.skip("column", "if", "not", "exists")
            if cursor.word() not in _CONSTRAINTS and (column := cursor.name()) is not None:
                yield SqlFact("create_column", table[0], column[1], column[0])
        elif cursor.word() in ("drop", "alter", "rename") and cursor.word(1) == "column":
            cursor.at += 2
            cursor.skip("if", "exists")
            if (column := cursor.name()) is not None:
                yield SqlFact("writes", table[0], column[1], column[0])
        else:
            cursor.at += 1
    yield from _references(table[0], cursor.tokens)


def _queries(cursor: _Cursor) -> Iterator[SqlFact]:
    """Tables and columns that a statement of data reads and writes."""
    start = cursor.at
    local = _common_tables(cursor)
    tables: list[tuple[SqlAction, str, int]] = []
    aliases: dict[str, str] = {}
    written: list[SqlFact] = []
    openers: list[str] = []
    cursor.at = start
    target = ""
    while cursor.at < len(cursor.tokens):
        mark, word = cursor.text(), cursor.word()
        if mark == "(":
            openers.append(cursor.word(-1))
        elif mark == ")" and openers:
            openers.pop()
        before = cursor.at
        if word == "into" and cursor.word(-1) in ("insert", "merge", "ignore", "replace"):
            cursor.at += 1
            if (named := _table(cursor, local, aliases, may_call=True)) is not None:
                tables.append(("writes", *named))
                target = named[0]
                if cursor.text() == "(" and cursor.word(1) not in ("select", "with"):
                    for member in cursor.group():
                        if len(member) == 1 and member[0].is_name:
                            column = member[0]
                            written.append(SqlFact("writes", target, column.line, column.text))
        elif word == "update" and cursor.word(-1) not in ("for", "do", "key", "on", "no"):
            cursor.at += 1
            cursor.skip("only")
            if (named := _table(cursor, local, aliases)) is not None:
                tables.append(("writes", *named))
                target = named[0]
        elif word == "set" and target:
            cursor.at += 1
            written += _assigned(cursor, target)
        elif (word in ("from", "truncate") and cursor.word(-1) == "delete") or word == "truncate":
            cursor.at += 1
            cursor.skip("table", "only")
            if (named := _table(cursor, local, aliases)) is not None:
                tables.append(("writes", *named))
        elif word in ("from", "join", "using") and not _is_inside_function(cursor, openers):
            cursor.at += 1
            for named in _tables(cursor, local, aliases, word):
                tables.append(("reads", *named))
        if cursor.at == before:
            cursor.at += 1
    for action, table, line in tables:
        yield SqlFact(action, table, line)
    yield from written
    cursor.at = start
    is_written = {(fact.table, fact.name, fact.line) for fact in written}
    for fact in _read_columns(cursor, {name for _, name, _ in tables}, aliases):
        if (fact.table, fact.name, fact.line) not in is_written:
            yield fact


def _is_inside_function(cursor: _Cursor, openers: Sequence[str]) -> bool:
    if cursor.word() == "using":
        # JOIN ... USING (a, b) names columns, DELETE ... USING t a table.
        return cursor.text(1) == "("
    if cursor.word(-1) == "distinct" and cursor.word(-2) in ("is", "not"):
        return True
    return bool(openers) and openers[-1] in _WITH_FROM


def _tables(
    cursor: _Cursor, local: set[str], aliases: dict[str, str], word: str
) -> Iterator[tuple[str, int]]:
    while True:
        cursor.skip("only", "lateral")
        named = _table(cursor, local, aliases)
        if named is not None:
            yield named
        # A list of tables goes on only right after a name.
        if named is None or word != "from" or cursor.text() != ",":
            return
        cursor.at += 1


def _table(
    cursor: _Cursor, local: set[str], aliases: dict[str, str], *, may_call: bool = False
) -> tuple[str, int] | None:
    if cursor.word() in _AFTER_TABLE or cursor.word() in _NOT_COLUMNS:
        return None
    named = cursor.name()
    if named is None or (cursor.text() == "(" and not may_call):
        return None
    cursor.skip("as")
    alias = cursor.token()
    if alias.is_name and alias.word not in _AFTER_TABLE:
        aliases[alias.text.lower()] = named[0]
        cursor.at += 1
    aliases.setdefault(named[0].rpartition(".")[2].lower(), named[0])
    return None if named[0].lower() in local else named


def _common_tables(cursor: _Cursor) -> set[str]:
    """Names that a WITH clause gives to queries."""
    names = set()
    for index, token in enumerate(cursor.tokens):
        if token.word != "as":
            continue
        cursor.at = index + 1
        cursor.skip("not", "materialized")
        if cursor.text() != "(" or cursor.word(1) not in (
            "select", "with", "insert", "update", "delete", "values", "merge",
        ):  # fmt: skip
            continue
        back = index - 1
        if not cursor.tokens[back].is_name and cursor.tokens[back].text == ")":
            while back > 0 and cursor.tokens[back].text != "(":
                back -= 1
            back -= 1
        if back >= 0 and cursor.tokens[back].is_name:
            names.add(cursor.tokens[back].text.lower())
    return names


def _assigned(cursor: _Cursor, table: str) -> Iterator[SqlFact]:
    depth = 0
    is_start = True
    while cursor.at < len(cursor.tokens) and depth >= 0:
        token = cursor.tokens[cursor.at]
        if depth == 0 and token.word in ("where", "from", "returning"):
            return
        if is_start and token.is_name and cursor.text(1) == "=":
            yield SqlFact("writes", table, token.line, token.text)
        depth += (cursor.text() == "(") - (cursor.text() == ")")
        is_start = depth == 0 and cursor.text() == ","
        cursor.at += 1


def _read_columns(cursor: _Cursor, tables: set[str], aliases: dict[str, str]) -> Iterator[SqlFact]:
    """Columns that may be read; links keep those that a table is known to have."""
    only = next(iter(tables)) if len(tables) == 1 else ""
    for index, token in enumerate(cursor.tokens):
        cursor.at = index
        if not token.is_name or cursor.text(1) in ("(", "."):
            continue
        if cursor.text(-1) == ".":
            table = aliases.get(cursor.token(-2).text.lower(), "")
        else:
            table = "" if token.word in _NOT_COLUMNS else only
        if table and table.rpartition(".")[2] != token.text:
            yield SqlFact("reads", table, token.line, token.text)
