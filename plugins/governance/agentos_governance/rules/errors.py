"""What is wrong with a policy, where, and what was probably meant.

Above: lexer, parser, checker raise these; whoever loads policies reports them. Below: agentos.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from agentos import InvalidArgumentError
from agentos_governance.rules.tree import Span

_WINDOW = 100
_MAX_QUOTED = 80


class PolicyError(InvalidArgumentError):
    """A policy that cannot be used; the message shows the line and points at the place.

    `source`, `line`, `column` (from 1), `problem`, `source_line` and `hint` are what it is made of.
    """

    def __init__(
        self, problem: str, span: Span, *, source: str, text: str, hint: str | None = None
    ) -> None:
        lines = text.split("\n")
        self.problem = problem
        self.hint = hint
        self.source = source
        self.line, self.column = span.line, span.column
        self.source_line = lines[span.line - 1].rstrip("\r") if span.line <= len(lines) else ""
        where = f"{source}:{span.line}:{span.column}: {problem}"
        super().__init__("\n".join([where, *_pointer(self.source_line, span)]), remedy=hint)
        if hint is not None:
            self.message = f"{self.message}\nhint: {hint}"

    def __str__(self) -> str:
        return self.message


class PolicySyntaxError(PolicyError):
    """The text is not a policy, or larger than a policy may be."""


class PolicyTypeError(PolicyError):
    """The policy asks something that its schema does not know or that can never hold."""


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; None where nothing is near."""
    found = get_close_matches(word[:_MAX_QUOTED], list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the word that was probably meant."""
    near = closest(word, known)
    return None if near is None else f"did you mean {near}?"


def quoted(text: str) -> str:
    """Source text as a message shows it: short, and without characters that hide or move others."""
    cut = text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}..."
    return "`" + _visible(cut) + "`"


def _pointer(line: str, span: Span) -> list[str]:
    """The source line, cut around the place, and a line of carets below it."""
    start = max(0, span.column - 1 - _WINDOW // 2) if len(line) > _WINDOW else 0
    shown = _visible(line[start : start + _WINDOW])
    offset = span.column - 1 - start
    width = max(1, min(span.length, _WINDOW - offset))
    return [f"    {shown}", f"    {' ' * offset}{'^' * width}"]


def _visible(text: str) -> str:
    # One character for one character, so that the carets stay below their place.
    return "".join(
        each if each.isprintable() else " " if each == "\t" else "\ufffd" for each in text
    )
