"""The arguments of a call as text: where they end, which names of fields stand in them.

Works for every language with parentheses and quotes; looks at a bounded part of the file and never
back. Above: extractors of what services say to each other. Below: nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

MAX_CALL_CHARS = 2_000
MAX_FIELDS = 30
_OPENS, _CLOSES, _QUOTES = "([{", ")]}", "'\"`"
# "user_id": 1, user_id: 1, UserId = 1 within braces, user_id=1 of a keyword.
_KEY = re.compile(
    r"""['"]([A-Za-z_]\w{0,63})['"]\s*(?::|=>)|(?<![\w.'"$:])([A-Za-z_]\w{0,63})\s*(?::(?!:)|=(?![=>]))"""
)
# { user_id, cents } of JavaScript.
_BRACES = re.compile(r"\{([^{}()]{1,600})\}")
# How a literal begins: {..., dict(..., Type{..., &pkg.Type{...
_LITERAL = re.compile(r"(?:new\s+)?(?:&?[\w.]{1,60}\s*)?\{|dict\(|\[")
_RECEIVER = re.compile(r"([\w$]{1,60})(?:\(\))?\s*$")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w{0,63}")
_STRUCTURE = frozenset({
    "json", "data", "body", "headers", "params", "method", "url", "auth", "timeout", "content_type",
    "contenttype", "topic", "key", "value", "messages", "message", "exchange", "routing_key",
    "properties", "queue", "queueurl", "messagebody", "payload", "files", "cookies", "verify",
    "https", "http", "accept", "authorization", "default",
})  # fmt: skip


def arguments(text: str, opened: int) -> list[str]:
    """The arguments of the call whose parenthesis opens at `opened`; the last may be cut."""
    parts = [""]
    depth, quote, at = 0, "", opened
    end = min(len(text), opened + MAX_CALL_CHARS)
    while at < end:
        mark = text[at]
        if quote:
            if mark == "\\":
                parts[-1] += mark
                at += 1
                mark = text[at : at + 1]
            elif mark == quote:
                quote = ""
        elif mark in _QUOTES:
            quote = mark
        elif mark in _OPENS:
            depth += 1
            if depth == 1:
                at += 1
                continue
        elif mark in _CLOSES:
            depth -= 1
            if depth <= 0:
                break
        elif mark == "," and depth == 1:
            parts.append("")
            at += 1
            continue
        parts[-1] += mark
        at += 1
    return [part.strip() for part in parts if part.strip()]


def receiver_before(text: str, at: int) -> str:
    """The name of what a method is called on, whose dot stands at `at`; "" for an expression."""
    found = _RECEIVER.search(text[max(0, at - 80) : at])
    return "" if found is None else found[1]


def field_names(text: str) -> str:
    """The names of fields in a literal, separated by commas; "" where none are seen."""
    found = dict.fromkeys(islice(_names(text), MAX_FIELDS * 2))
    return ",".join(list(found)[:MAX_FIELDS])


def _names(text: str) -> Iterator[str]:
    for match in _KEY.finditer(text):
        name = match[1] or match[2]
        if name.lower() not in _STRUCTURE:
            yield name
    for braces in _BRACES.finditer(text):
        for part in braces[1].split(","):
            name = part.strip()
            if _IDENTIFIER.fullmatch(name) and name.lower() not in _STRUCTURE:
                yield name


def held_in(text: str, name: str, before: int) -> str:
    """What a variable was last given before a place of the file, as far as it is one literal."""
    if not re.fullmatch(r"[A-Za-z_]\w{0,63}", name):
        return ""
    start = max(0, before - 2 * MAX_CALL_CHARS)
    given = re.compile(
        rf"(?<![\w.]){name}\b\s*(?::\s*[\w.<>\[\], ]{{1,60}})?\s*:?=(?!=)\s*(?P<value>[^\n]*)"
    )
    found = [*given.finditer(text, start, before)]
    if not found:
        return ""
    last = found[-1]
    at = last.start("value")
    opens = _LITERAL.match(text, at)
    if opens is None:
        return last["value"]
    return ",".join(arguments(text, opens.end() - 1))
