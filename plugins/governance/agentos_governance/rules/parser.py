"""Text to a policy: statements by recursive descent, with their comments.

Above: `parse_policy` is the only way a policy comes into being from text. Below: lexer,
conditions. The grammar is in `docs/policies.md`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from agentos_governance.rules.conditions import ConditionParser
from agentos_governance.rules.errors import PolicySyntaxError
from agentos_governance.rules.lexer import Lexer, SourceComment, Token, TokenKind
from agentos_governance.rules.sizes import MAX_LIMIT_CALLS, MAX_LIMITS, MAX_STATEMENTS
from agentos_governance.rules.stream import TokenStream
from agentos_governance.rules.tree import (
    EVERY_CALL,
    Comment,
    Condition,
    Duration,
    LimitRule,
    Period,
    Policy,
    Rule,
    Span,
    Statement,
    Target,
    Verb,
)
from agentos_governance.rules.words import PERIODS, VERBS

_CLAUSES = ["IF", "REASON", "AND", "OR", "IN", "MATCHES", "STARTS", "ENDS"]


def parse_policy(text: str | bytes, *, source: str = "policy") -> Policy:
    """The policy that a text says; bytes are read as UTF-8.

    Raises PolicySyntaxError, which shows the line and points at the place; `source` is what it
    calls the text. Empty text is a policy without rules.
    """
    if isinstance(text, bytes):
        text = _decode(text, source)
    lexer = Lexer(text, source)
    lexer.read()
    stream = TokenStream(lexer.tokens, lexer.comments, source=source, text=text)
    return Policy(tuple(_Parser(stream).read()), source, text)


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        line = before.count("\n") + 1
        span = Span(line, len(before) - (before.rfind("\n") + 1) + 1)
        text = data.decode("utf-8", "replace")
        raise PolicySyntaxError("not UTF-8", span, source=source, text=text) from None


class _Parser:
    def __init__(self, stream: TokenStream) -> None:
        self._stream = stream
        self._conditions = ConditionParser(stream)
        self._lines = stream.text.split("\n")
        self._items: list[Statement | Comment] = []
        self._comments = stream.comments
        self._n_comments_read = 0
        self._n_statements = 0
        self._n_limits = 0
        self._ids: dict[str, int] = {}

    def read(self) -> list[Statement | Comment]:
        while not self._stream.at_kind(TokenKind.END):
            self._read_statement()
        self._add_comments(self._comments[self._n_comments_read :])
        return self._items

    def _read_statement(self) -> None:
        start = self._stream.here.span
        self._check_start(start)
        statement = self._statement(start)
        self._check_end(start)
        end_line = self._stream.last.span.line
        comments = self._comments_until(end_line)
        trailing = None
        if comments and comments[-1].span.line == end_line:
            trailing = comments.pop().text
        n_items = len(self._items)
        self._add_comments(comments)
        is_blank_before = self._is_blank_before(start.line)
        if comments and comments[-1].span.line >= start.line:
            # Comments amid the statement move before it, and take its blank line along.
            is_blank_before = self._hoist(n_items, start.line, is_blank_before)
        self._items.append(replace(statement, comment=trailing, blank_before=is_blank_before))

    def _hoist(self, n_items: int, line: int, is_blank_before: bool) -> bool:
        for index in range(n_items, len(self._items)):
            item = self._items[index]
            if item.span.line >= line:
                self._items[index] = replace(item, blank_before=is_blank_before and index > 0)
                is_blank_before = False
        return False

    def _check_start(self, start: Span) -> None:
        self._n_statements += 1
        if self._n_statements > MAX_STATEMENTS:
            self._stream.refuse(f"a policy has at most {MAX_STATEMENTS} statements", start)

    def _check_end(self, start: Span) -> None:
        """Nothing may follow a statement on its last line: what does was meant to be part of it."""
        following = self._stream.here
        if following.kind is TokenKind.END:
            return
        is_new_line = following.span.line > self._stream.last.span.line
        begins = self._stream.at(*VERBS) or _is_id(following, self._stream.following)
        if is_new_line and (begins or following.kind is TokenKind.NAME):
            return
        if begins:
            problem = "a statement begins on a line of its own"
            self._stream.refuse(problem, following.span)
        self._stream.refuse_expected("the end of the statement", _CLAUSES)

    def _statement(self, start: Span) -> Statement:
        stream = self._stream
        id_ = self._id()
        if not stream.at(*VERBS):
            stream.refuse_expected("ALLOW, DENY, ASK or LIMIT", [*VERBS])
        verb = stream.take().text
        if verb == "LIMIT":
            return self._limit(id_, start)
        target = self._target()
        condition, reason = self._clauses()
        return Rule(
            cast("Verb", verb), target, condition, reason, id_, span=stream.span_from(start)
        )

    def _id(self) -> str | None:
        token = self._stream.here
        if not _is_id(token, self._stream.following):
            return None
        self._stream.check_not_keyword(token)
        if token.text in self._ids:
            problem = f"the id {token.text} is taken by the statement in line"
            self._stream.refuse(f"{problem} {self._ids[token.text]}", token.span)
        self._ids[token.text] = token.span.line
        self._stream.take()
        self._stream.expect(":")
        return token.text

    def _target(self) -> Target:
        stream = self._stream
        if stream.at_kind(TokenKind.TEXT):
            return stream.target()
        # A name with a colon is the id of the next statement.
        if stream.at_kind(TokenKind.NAME) and not _is_id(stream.here, stream.following):
            return stream.target()
        return EVERY_CALL

    def _clauses(self) -> tuple[Condition | None, str | None]:
        condition = self._conditions.read() if self._stream.accept("IF") else None
        reason = None
        if self._stream.accept("REASON"):
            token = self._stream.expect_kind(TokenKind.TEXT, "text in double quotes behind REASON")
            if not token.text.strip():
                self._stream.refuse("an empty reason says nothing", token.span)
            reason = token.text
        return condition, reason

    def _limit(self, id_: str | None, start: Span) -> LimitRule:
        stream = self._stream
        self._n_limits += 1
        if self._n_limits > MAX_LIMITS:
            stream.refuse(f"a policy has at most {MAX_LIMITS} limits", start)
        if not (stream.at_call() and stream.here.text == "calls"):
            stream.refuse_expected("calls(...) behind LIMIT", ["calls"])
        stream.take()
        stream.expect("(")
        target = stream.target()
        stream.expect(")")
        stream.expect("TO")
        max_calls = self._max_calls()
        stream.expect("PER")
        per = self._period()
        condition, reason = self._clauses()
        span = stream.span_from(start)
        return LimitRule(target, max_calls, per, condition, reason, id_, span=span)

    def _max_calls(self) -> int:
        token = self._stream.expect_kind(TokenKind.NUMBER, "a number of calls behind TO")
        value = token.value
        if not isinstance(value, int) or not 0 <= value <= MAX_LIMIT_CALLS:
            problem = f"a number of calls is whole, 0 to {MAX_LIMIT_CALLS}"
            self._stream.refuse(problem, token.span)
        return value

    def _period(self) -> Period | Duration:
        token = self._stream.here
        if token.kind is TokenKind.DURATION and isinstance(token.value, Duration):
            self._stream.take()
            return token.value
        if token.kind is not TokenKind.NAME or token.text not in PERIODS:
            what = "claim, work_order or a duration such as 60s behind PER"
            self._stream.refuse_expected(what, [*PERIODS])
        self._stream.take()
        return cast("Period", token.text)

    def _comments_until(self, line: int) -> list[SourceComment]:
        first = self._n_comments_read
        while (
            self._n_comments_read < len(self._comments)
            and self._comments[self._n_comments_read].span.line <= line
        ):
            self._n_comments_read += 1
        return self._comments[first : self._n_comments_read]

    def _add_comments(self, comments: list[SourceComment]) -> None:
        for comment in comments:
            is_blank_before = self._is_blank_before(comment.span.line)
            self._items.append(Comment(comment.text, is_blank_before, comment.span))

    def _is_blank_before(self, line: int) -> bool:
        # Blank lines at the top are layout, not a distance from anything.
        return bool(self._items) and line >= 2 and not self._lines[line - 2].strip()


def _is_id(token: Token, following: Token) -> bool:
    return (
        token.kind is TokenKind.NAME
        and following.kind is TokenKind.PUNCTUATION
        and following.text == ":"
    )
