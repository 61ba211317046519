"""The part of a section that answers a query best, for showing it in a list."""

from __future__ import annotations

import re

from agentos_memory.words import query_terms, stems_of

MAX_EXCERPT_CHARS = 300
_STEP_CHARS = 60


def excerpt(text: str, query: str) -> str:
    """At most MAX_EXCERPT_CHARS where most words of the query are, blanks folded."""
    plain = " ".join(text.split())
    if len(plain) <= MAX_EXCERPT_CHARS:
        return plain
    start = _best_start(plain, frozenset(query_terms(query)))
    end = min(len(plain), start + MAX_EXCERPT_CHARS - 6)
    cut = plain[start:end]
    if end < len(plain):
        cut = cut.rpartition(" ")[0] or cut
    return f"{'...' if start else ''}{cut}{'...' if end < len(plain) else ''}"


def _best_start(plain: str, terms: frozenset[str]) -> int:
    places = [
        (found.start(), hits)
        for found in re.finditer(r"\w+", plain)
        if (hits := terms.intersection(stems_of(found.group())))
    ]
    best, most = 0, 0
    for first, _ in places:
        start = max(0, first - _STEP_CHARS)
        inside = [hits for at, hits in places if start <= at < start + MAX_EXCERPT_CHARS - 20]
        distinct = len(frozenset[str]().union(*inside))
        if distinct > most:
            best, most = start, distinct
    return plain.find(" ", best - 1) + 1 if best else 0
