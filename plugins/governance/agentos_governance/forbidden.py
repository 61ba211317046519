"""The forbidden actions of a contract: which glob, if any, speaks of an action or command.

Above: judgement, command_judgement. Below: fnmatch.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence

_CLAUDE_PREFIX = re.compile(r"^(?P<tool>[^()]+)\((?P<prefix>.*):\*\)$", re.DOTALL)
# What stands before the command in `Bash(git push*)` and `Bash:git push*`.
_TOOL_FORM = re.compile(r"^[\w*]+[(:]")
_MAGIC = re.compile(r"[*?\[]")


class ForbiddenActions:
    """Compiled `forbidden_actions`. One fused expression answers the common case: no hit."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = tuple(patterns)
        self._each = [re.compile(_translate(pattern)) for pattern in patterns]
        self._any = re.compile("|".join(map(_translate, patterns))) if patterns else None

    def __bool__(self) -> bool:
        return self._any is not None

    def find(self, subjects: Iterable[str]) -> int | None:
        """Index of the first pattern that matches any subject; None when nothing is forbidden."""
        if self._any is None:
            return None
        hits = [subject for subject in subjects if self._any.match(subject)]
        if not hits:
            return None
        return next(
            index
            for index, pattern in enumerate(self._each)
            if any(pattern.match(subject) for subject in hits)
        )

    def find_command(self, texts: Iterable[str], tools: Sequence[str]) -> int | None:
        """As `find`, for command texts, which may also be named by tool or by `execute`."""
        if self._any is None:
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
            literal = _MAGIC.split(_TOOL_FORM.sub("", pattern), maxsplit=1)[0]
            if literal.split(" ", 1)[0] != program:
                continue
            if literal.startswith(prefix) or prefix.startswith(literal):
                return index
        return None


def _translate(pattern: str) -> str:
    """The glob as an expression; a pattern also covers what follows it after a space.

    `git push` forbids `git push origin main`; `Bash(git push:*)` is Claude Code's spelling of
    the same.
    """
    claude = _CLAUDE_PREFIX.match(pattern)
    if claude:
        pattern = f"{claude['tool']}({claude['prefix']}*)"
    if pattern.endswith(")"):
        return fnmatch.translate(pattern) + "|" + fnmatch.translate(f"{pattern[:-1]} *)")
    return fnmatch.translate(pattern) + "|" + fnmatch.translate(f"{pattern} *")
