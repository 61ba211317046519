"""How large a policy may be, and counting it while it is read.

Above: the token stream and the parser. Below: errors. A policy may come from a repository that
nobody has reviewed; none may make a start or a call slow.
"""

from __future__ import annotations

MAX_POLICY_BYTES = 128 * 1024
MAX_STATEMENTS = 1_000
MAX_LIMITS = 50
"""Each costs a counter at every call it counts."""
MAX_HISTORY_QUERIES = 50
"""Different ones; each costs a count at every call."""
MAX_NESTING = 32
"""Parentheses and NOTs around one another."""
MAX_TEXT_CHARACTERS = 1_000
MAX_NAME_CHARACTERS = 200
MAX_NUMBER_DIGITS = 15
"""So many decimal digits survive a float, so that a float compares as the number it prints as."""
MAX_LIST_ITEMS = 500
MAX_GLOB_CHARACTERS = 500
MAX_GLOBS_BYTES = 32 * 1024
"""Of all globs of a policy together, in UTF-8."""
MAX_WILDCARDS = 1_000
"""`*`, `?` and `[` in all globs of a policy together."""
MAX_LIMIT_CALLS = 10**9
MAX_DURATION_SECONDS = 366 * 86_400


class GlobSizes:
    """Counts the globs of one policy."""

    def __init__(self) -> None:
        self._bytes = 0
        self._wildcards = 0

    def problem_with(self, glob: str) -> str | None:
        """Why one more glob is too much; None where it fits."""
        self._bytes += len(glob.encode("utf-8"))
        self._wildcards += sum(map(glob.count, "*?["))
        if len(glob) > MAX_GLOB_CHARACTERS:
            return f"a glob has at most {MAX_GLOB_CHARACTERS} characters"
        if self._bytes > MAX_GLOBS_BYTES:
            return f"the globs of a policy have at most {MAX_GLOBS_BYTES} bytes together"
        if self._wildcards > MAX_WILDCARDS:
            return f"the globs of a policy have at most {MAX_WILDCARDS} wildcards together"
        return None
