"""The forbidden actions of a contract: which glob, if any, speaks of an action or command.

Above: judgement, command_judgement, scope. Below: globs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agentos_governance.contracts.globs import MAGIC, TextMatch, compile_glob

_CLAUDE_PREFIX = re.compile(r"^(?P<tool>[^()]+)\((?P<prefix>.*):\*\)$", re.DOTALL)
# What stands before the command in `Bash(git push*)` and `Bash:git push*`.
_TOOL_FORM = re.compile(r"^[\w*]+[(:]")


class ForbiddenActions:
    """Compiled `forbidden_actions`. A pattern also covers what follows it after a space.

    `git push` forbids `git push origin main`; `Bash(git push:*)` is Claude Code's spelling of
    the same.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = tuple(patterns)
        self._literals: dict[str, int] = {}
        self._globs: list[tuple[int, TextMatch]] = []
        for index, pattern in enumerate(map(_without_claude_form, patterns)):
            if MAGIC.search(pattern):
                self._globs += [(index, compile_glob(each)) for each in _with_arguments(pattern)]
            else:
                self._literals.setdefault(pattern, index)
        self._longest = max(map(len, self._literals), default=0)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def find(self, subjects: Iterable[str]) -> int | None:
        """Index of the first pattern that matches any subject; None when nothing is forbidden."""
        best: int | None = None
        for subject in dict.fromkeys(subjects):
            for index in self._find_literals(subject):
                best = index if best is None else min(best, index)
            for index, matches in self._globs:
                if best is not None and index >= best:
                    break
                if matches(subject):
                    best = index
        return best

    def may_speak_of(self, beginnings: Sequence[str]) -> bool:
        """Whether some pattern could match a subject that begins so; sometimes true without one."""
        heads = [MAGIC.split(pattern, maxsplit=1)[0] for pattern in self.patterns]
        return any(
            head.startswith(beginning) or beginning.startswith(head)
            for head in heads
            for beginning in beginnings
        )

    def _find_literals(self, subject: str) -> Iterable[int]:
        """Indexes of patterns without wildcards that are the subject, or its first words."""
        if not self._literals:
            return
        if subject in self._literals:
            yield self._literals[subject]
        space = subject.find(" ", 0, self._longest + 1)
        while space >= 0:
            words = subject[:space]
            # `Bash(git push)` covers `Bash(git push origin)`, and nothing without the `)`.
            if words in self._literals and not words.endswith(")"):
                yield self._literals[words]
            if subject.endswith(")") and f"{words})" in self._literals:
                yield self._literals[f"{words})"]
            space = subject.find(" ", space + 1, self._longest + 1)

    def find_command(self, texts: Iterable[str], tools: Sequence[str]) -> int | None:
        """As `find`, for command texts, which may also be named by tool or by `execute`."""
        if not self.patterns:
            return None
        subjects: list[str] = []
        for text in texts:
            subjects.append(text)
            for name in (*tools, "execute"):
                subjects += (f"{name}:{text}", f"{name}({text})")
        return self.find(subjects)

    def find_possible(self, prefix: str) -> int | None:
        """Index of the first pattern some completion of `prefix` could match.

        Only patterns that begin with the same program count: `*push*` could complete anything.
        """
        program = prefix.split(" ", 1)[0]
        for index, pattern in enumerate(self.patterns):
            literal = MAGIC.split(_TOOL_FORM.sub("", pattern), maxsplit=1)[0]
            if literal.split(" ", 1)[0] != program:
                continue
            if literal.startswith(prefix) or prefix.startswith(literal):
                return index
        return None


def _without_claude_form(pattern: str) -> str:
    claude = _CLAUDE_PREFIX.match(pattern)
    return f"{claude['tool']}({claude['prefix']}*)" if claude else pattern


def _with_arguments(pattern: str) -> list[str]:
    """The pattern, and the pattern followed by arguments where it does not cover them itself."""
    if pattern.endswith(")"):
        return [pattern] if pattern.endswith("*)") else [pattern, f"{pattern[:-1]} *)"]
    return [pattern] if pattern.endswith("*") else [pattern, f"{pattern} *"]
