"""Lines of code as they may be shown: recognised secrets are taken out, line by line.

Above: snippets of hits, steps of code paths. Below: the kernel's redaction. Each line stays a line
of its own, so that numbers still fit; digests are made of the lines as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from agentos import redact_text

_REDACTED = "[redacted]"
_KEY_MARK = b"PRIVATE KEY"
_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")
_KEY_END = re.compile(r"-----END [A-Z ]{0,40}PRIVATE KEY-----")
# A line of a key, perhaps quoted, or one of the heads that may precede it. Nothing is given back,
# since a line of `+` would fit the parts in as many ways as the cube of its length.
_KEY_LINE = re.compile(r"[\s\"'`+(]*+[A-Za-z0-9+/=]{8,}+(?:[\s\"'`+)\\;,nr]*+|: .*)$")
_MAX_KEY_LINES = 200


def redact_lines(lines: Sequence[str]) -> tuple[list[str], bool]:
    """The lines without recognised secrets, and whether there was one, now or before."""
    text = "\n".join(lines)
    redacted = redact_text(text)
    if redacted == text:
        return list(lines), _REDACTED in lines
    whole = redacted.split("\n")
    if len(whole) == len(lines):
        return whole, True
    # Something reached over several lines; each is looked at by itself, and none is lost.
    return [redact_text(line) for line in lines], True


def key_lines(content: bytes) -> Collection[int]:
    """Numbers of the lines that belong to private keys, which only their first line tells."""
    if _KEY_MARK not in content:
        return ()
    lines = content.decode("utf-8", "replace").split("\n")
    found: set[int] = set()
    at = 0
    while at < len(lines):
        if _KEY_BEGIN.search(lines[at]):
            last = _last_of_key(lines, at)
            found.update(range(at + 1, last + 2))
            at = last
        at += 1
    return found


def without_keys(lines: Sequence[str], first: int, keys: Collection[int]) -> Sequence[str]:
    """`lines`, numbered from `first`, with those of `keys` blotted out."""
    if not keys:
        return lines
    return [_REDACTED if n in keys else line for n, line in enumerate(lines, first)]


def _last_of_key(lines: Sequence[str], at: int) -> int:
    """Where a key ends that begins at `at`; code that only names the mark goes on after it."""
    for n in range(at, min(at + _MAX_KEY_LINES, len(lines))):
        if _KEY_END.search(lines[n]):
            return n
    last = at
    while last + 1 < len(lines) and _KEY_LINE.match(lines[last + 1]):
        last += 1
    return last
