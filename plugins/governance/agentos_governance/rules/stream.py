"""The tokens of a policy, read one after another, and errors that say what was expected.

Above: the parsers of statements and conditions. Below: the lexer.
"""

from __future__ import annotations

from typing import NoReturn

from agentos_governance.rules.errors import PolicySyntaxError, did_you_mean, quoted
from agentos_governance.rules.lexer import SourceComment, Token, TokenKind
from agentos_governance.rules.sizes import MAX_HISTORY_QUERIES, GlobSizes
from agentos_governance.rules.tree import CAPABILITIES, EVERYTHING, HistoryQuery, Span, Target
from agentos_governance.rules.words import KEYWORDS, is_like_keyword, like_capability


class TokenStream:
    """A position in the tokens of one policy; what a policy may have in all is counted here."""

    def __init__(
        self, tokens: list[Token], comments: list[SourceComment], *, source: str, text: str
    ) -> None:
        self._tokens = tokens
        self._position = 0
        self.comments = comments
        self.source = source
        self.text = text
        self._globs = GlobSizes()
        self._queries: set[HistoryQuery] = set()

    @property
    def here(self) -> Token:
        """The token that is read next."""
        return self._tokens[self._position]

    @property
    def following(self) -> Token:
        """The token behind the next one; END stays END."""
        return self._tokens[min(self._position + 1, len(self._tokens) - 1)]

    @property
    def last(self) -> Token:
        """The token that was read last."""
        return self._tokens[max(self._position - 1, 0)]

    def take(self) -> Token:
        """The next token, read."""
        token = self.here
        if token.kind is not TokenKind.END:
            self._position += 1
        return token

    def at(self, *words: str) -> bool:
        """Whether a keyword or sign of these comes next."""
        kinds = (TokenKind.KEYWORD, TokenKind.PUNCTUATION)
        return self.here.kind in kinds and self.here.text in words

    def at_kind(self, kind: TokenKind) -> bool:
        """Whether a token of this kind comes next."""
        return self.here.kind is kind

    def at_call(self) -> bool:
        """Whether a name with an opening parenthesis comes next."""
        following = self.following
        return (
            self.here.kind is TokenKind.NAME
            and following.kind is TokenKind.PUNCTUATION
            and following.text == "("
        )

    def accept(self, *words: str) -> bool:
        """Read a keyword or sign of these if it comes next."""
        if not self.at(*words):
            return False
        self.take()
        return True

    def expect(self, word: str, purpose: str = "") -> Token:
        """Read this keyword or sign; PolicySyntaxError where something else stands."""
        if not self.at(word):
            self.refuse_expected(word + purpose, [word])
        return self.take()

    def expect_kind(self, kind: TokenKind, what: str) -> Token:
        """Read a token of this kind; PolicySyntaxError where something else stands."""
        if self.here.kind is not kind:
            self.refuse_expected(what)
        return self.take()

    def span_from(self, start: Span) -> Span:
        """From `start` to the last token read, as far as it stands on the first line."""
        end = self.last.span
        if end.line != start.line:
            return start
        return start._replace(length=max(start.length, end.column + end.length - start.column))

    def refuse_expected(self, what: str, known: list[str] | None = None) -> NoReturn:
        """PolicySyntaxError at the next token: what was expected, what stands there."""
        token = self.here
        found = "the end of the policy" if token.kind is TokenKind.END else _named(token)
        hint = did_you_mean(token.text, known) if known and token.text not in known else None
        if hint is None and known and token.text.upper() in known:
            hint = f"did you mean {token.text.upper()}?"
        if hint is None and token.kind is TokenKind.NAME and is_like_keyword(token.text):
            hint = f"keywords are upper case: {token.text.upper()}"
        self.refuse(f"expected {what}, found {found}", token.span, hint)

    def refuse(self, problem: str, span: Span, hint: str | None = None) -> NoReturn:
        """PolicySyntaxError at a place."""
        raise PolicySyntaxError(problem, span, source=self.source, text=self.text, hint=hint)

    def check_not_keyword(self, token: Token) -> None:
        """Refuse a name that is a keyword in the wrong case: it would silently name something."""
        if is_like_keyword(token.text):
            hint = f"keywords are upper case: {token.text.upper()}"
            self.refuse(f"{_named(token)} is not a name", token.span, hint)

    def count_glob(self, token: Token) -> None:
        """Refuse a glob that is empty or too much."""
        if not token.text:
            self.refuse("an empty glob matches nothing", token.span)
        problem = self._globs.problem_with(token.text)
        if problem is not None:
            self.refuse(problem, token.span)

    def count_query(self, query: HistoryQuery, span: Span) -> None:
        """Refuse one more different question to the history than a policy may ask."""
        self._queries.add(query)
        if len(self._queries) > MAX_HISTORY_QUERIES:
            problem = f"a policy asks its history at most {MAX_HISTORY_QUERIES} different questions"
            self.refuse(problem, span)

    def target(self) -> Target:
        """Read which calls are meant: a word, a tool name, or a glob of tool names in quotes."""
        token = self.here
        if token.kind is TokenKind.TEXT:
            self.count_glob(token)
            self.take()
            return Target("tool", token.text)
        if token.kind is not TokenKind.NAME:
            self.refuse_expected("a tool, a capability or `operation`")
        self.check_not_keyword(token)
        near = like_capability(token.text)
        if near is not None:
            hint = f"did you mean {near}? A tool of that name is written in quotes"
            self.refuse(f"{_named(token)} is no capability", token.span, hint)
        self.take()
        if token.text in EVERYTHING:
            return Target("any", token.text)
        return Target("capability" if token.text in CAPABILITIES else "tool", token.text)


def _named(token: Token) -> str:
    if token.kind is TokenKind.TEXT:
        return "text"
    if token.kind is TokenKind.KEYWORD and token.text in KEYWORDS:
        return token.text
    return quoted(token.text)
