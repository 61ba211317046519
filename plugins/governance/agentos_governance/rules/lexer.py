"""Text to tokens and comments, with exact positions.

Above: the token stream. Below: words, errors. Only what can be seen is read: a character that
hides or reorders text is refused outside an escape, so that a reviewer sees what is decided.
"""

from __future__ import annotations

import re
from decimal import Decimal
from enum import Enum, auto
from typing import NamedTuple, NoReturn

from agentos_governance.rules.errors import PolicySyntaxError, quoted
from agentos_governance.rules.sizes import (
    MAX_DURATION_SECONDS,
    MAX_NAME_CHARACTERS,
    MAX_NUMBER_DIGITS,
    MAX_POLICY_BYTES,
    MAX_TEXT_CHARACTERS,
)
from agentos_governance.rules.tree import Duration, Span
from agentos_governance.rules.words import (
    KEYWORDS,
    NAME,
    NUMBER,
    UNESCAPED,
    UNITS,
    number_of,
)

_PUNCTUATION = re.compile(r"==|!=|<=|>=|[<>()\[\],:]")
_ESCAPE = re.compile(r"u\{([0-9A-Fa-f]{1,6})\}")
_LETTERS = re.compile(r"[A-Za-z0-9_.]*")
_HINTS = {
    "=": "compare with ==",
    "!": "write NOT, or != to compare",
    "&": "write AND",
    "|": "write OR",
    "'": 'text stands in double quotes: "..."',
    "`": 'text stands in double quotes: "..."',
    "\u201c": 'text stands in straight double quotes: "..."',
    "\u201d": 'text stands in straight double quotes: "..."',
    ";": "statements need no separator; start each on its own line",
    "/": "a comment begins with #; text stands in double quotes",
    "*": 'a glob stands in double quotes: "..."',
    ".": "write a digit before the point, such as 0.5",
}


class TokenKind(Enum):
    """What a token is."""

    KEYWORD = auto()
    NAME = auto()
    TEXT = auto()
    NUMBER = auto()
    DURATION = auto()
    PUNCTUATION = auto()
    END = auto()


class Token(NamedTuple):
    """One word or sign of the source."""

    kind: TokenKind
    text: str
    """As written; of text, what the quotes hold."""
    span: Span
    value: str | int | Decimal | Duration | None = None


class SourceComment(NamedTuple):
    """A comment where it stands."""

    text: str
    span: Span


class Lexer:
    """Reads one policy's text."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self.tokens: list[Token] = []
        self.comments: list[SourceComment] = []

    def read(self) -> None:
        """Fill `tokens`, ending with an END token, and `comments`."""
        if len(self._text) > MAX_POLICY_BYTES or len(self._bytes()) > MAX_POLICY_BYTES:
            self._refuse(f"a policy has at most {MAX_POLICY_BYTES} bytes", 1, 0)
        lines = self._text.split("\n")
        for number, line in enumerate(lines, start=1):
            self._read_line(line.removesuffix("\r"), number)
        end = Span(len(lines), len(lines[-1].removesuffix("\r")) + 1)
        self.tokens.append(Token(TokenKind.END, "", end))

    def _bytes(self) -> bytes:
        return self._text.encode("utf-8", "replace")

    def _read_line(self, line: str, number: int) -> None:
        if not line.isprintable():
            self._refuse_hidden(line, number)
        position = 0
        while position < len(line):
            character = line[position]
            if character in " \t":
                position += 1
            elif character == "#":
                span = Span(number, position + 1, len(line) - position)
                self.comments.append(SourceComment(line[position + 1 :].rstrip(), span))
                return
            else:
                position = self._read_token(line, number, position)

    def _refuse_hidden(self, line: str, number: int) -> None:
        for position, character in enumerate(line):
            if character != "\t" and not character.isprintable():
                code = f"{ord(character):x}"
                hint = f"in text, write \\u{{{code}}}"
                if character == "\ufeff":
                    hint = "save the file as UTF-8 without a byte order mark"
                self._refuse(
                    f"character U+{code.upper():0>4} cannot be seen", number, position, hint
                )

    def _read_token(self, line: str, number: int, position: int) -> int:
        character = line[position]
        if character == '"':
            return self._read_text(line, number, position)
        if found := NAME.match(line, position):
            return self._read_name(found.group(), number, position)
        if found := NUMBER.match(line, position):
            return self._read_number(line, number, position, found.group())
        if found := _PUNCTUATION.match(line, position):
            return self._add(TokenKind.PUNCTUATION, found.group(), number, position)
        hint = _HINTS.get(character)
        self._refuse(f"unexpected character {quoted(character)}", number, position, hint)

    def _read_name(self, name: str, number: int, position: int) -> int:
        if len(name) > MAX_NAME_CHARACTERS:
            problem = f"a name has at most {MAX_NAME_CHARACTERS} characters"
            self._refuse(problem, number, position)
        kind = TokenKind.KEYWORD if name in KEYWORDS else TokenKind.NAME
        return self._add(kind, name, number, position)

    def _read_number(self, line: str, number: int, position: int, text: str) -> int:
        tail = _LETTERS.match(line, position + len(text))
        unit = tail.group() if tail else ""
        span = Span(number, position + 1, len(text) + len(unit))
        digits = text.lstrip("-")
        if sum(map(str.isdigit, digits)) > MAX_NUMBER_DIGITS:
            problem = f"a number has at most {MAX_NUMBER_DIGITS} digits"
            self._refuse(problem, number, position, length=span.length)
        if digits[0] == "0" and digits[1:2].isdigit():
            self._refuse("a number does not begin with 0", number, position, length=span.length)
        if not unit:
            self.tokens.append(Token(TokenKind.NUMBER, text, span, number_of(text)))
        else:
            self.tokens.append(
                Token(TokenKind.DURATION, text + unit, span, self._duration(text, unit, span))
            )
        return position + span.length

    def _duration(self, text: str, unit: str, span: Span) -> Duration:
        if unit not in UNITS:
            hint = "a duration is a whole number and s, m, h or d: 60s"
            self._refuse_span(f"unknown unit {quoted(unit)}", span, hint)
        amount = number_of(text)
        if "." in text or isinstance(amount, Decimal) or amount < 1:
            self._refuse_span("a duration is a whole number from 1", span, "use a smaller unit")
        duration = Duration(amount, unit)
        if duration.seconds > MAX_DURATION_SECONDS:
            days = MAX_DURATION_SECONDS // 86_400
            self._refuse_span(f"a duration is at most {days}d", span)
        return duration

    def _read_text(self, line: str, number: int, start: int) -> int:
        pieces: list[str] = []
        position = start + 1
        while position < len(line) and line[position] != '"':
            character = line[position]
            if character == "\\":
                piece, position = self._read_escape(line, number, position)
                pieces.append(piece)
                continue
            if character == "\t":
                self._refuse("a tab in text cannot be seen", number, position, "write \\t")
            pieces.append(character)
            position += 1
        span = Span(number, start + 1, min(position + 1, len(line)) - start)
        if position >= len(line):
            self._refuse_span("text without an end", span, 'close it with " on the same line')
        if len(pieces) > MAX_TEXT_CHARACTERS:
            self._refuse_span(f"text has at most {MAX_TEXT_CHARACTERS} characters", span)
        text = "".join(pieces)
        self.tokens.append(Token(TokenKind.TEXT, text, span, text))
        return position + 1

    def _read_escape(self, line: str, number: int, position: int) -> tuple[str, int]:
        following = line[position + 1 : position + 2]
        if following in UNESCAPED:
            return UNESCAPED[following], position + 2
        found = _ESCAPE.match(line, position + 1)
        if found is None:
            hint = 'the escapes are \\" \\\\ \\n \\t and \\u{...}'
            self._refuse("unknown escape in text", number, position, hint, length=2)
        code = int(found.group(1), 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            self._refuse("the escape names no character", number, position)
        return chr(code), found.end()

    def _add(self, kind: TokenKind, text: str, number: int, position: int) -> int:
        self.tokens.append(Token(kind, text, Span(number, position + 1, len(text))))
        return position + len(text)

    def _refuse(
        self, problem: str, number: int, position: int, hint: str | None = None, length: int = 1
    ) -> NoReturn:
        self._refuse_span(problem, Span(number, position + 1, length), hint)

    def _refuse_span(self, problem: str, span: Span, hint: str | None = None) -> NoReturn:
        raise PolicySyntaxError(problem, span, source=self._source, text=self._text, hint=hint)
