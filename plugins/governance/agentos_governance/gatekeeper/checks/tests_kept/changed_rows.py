"""Rows of tables of tests that ask something else now, or expect something else, under the same test.

Above: tests_kept. Below: suites, lost. `parametrize`, `it.each`, tables of Go: the assertion reads
as before, so only the rows can tell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from agentos import Finding
from agentos_governance.gatekeeper.cases import Case
from agentos_governance.gatekeeper.checks.tests_kept.lost import values_of_new
from agentos_governance.gatekeeper.suites.suites import Suites, mentions

CHECK = "tests_kept"
_LITERAL = re.compile(
    r"'[^']*'|\"[^\"]*\"|`[^`]*`|-?\b\d[\w.]*|\b(?:True|False|None|true|false|null|undefined|nil)\b"
)
_NUMBER = re.compile(r"[\"']?-?\d[\w.]*[\"']?")
_CSV = re.compile(r"\"[^\",]*(?:,[^\",]*)+\"")
"""A row of `@CsvSource`."""
_LABEL = re.compile(
    r"(?i)^[\s({\[]*(?:[\"']?(?:name|title|desc(?:ription)?|label|scenario|id)[\"']?\s*:\s*[\"'`]"
    r"|[\"'`][^\"'`]*[A-Za-z]\s+[A-Za-z][^\"'`]*[\"'`]\s*,.*,)"
)


def changed_rows(suites: Suites) -> Iterator[Finding]:
    """One finding for each test of the base that has another row in the place of one of its own."""
    elsewhere: list[str] | None = None
    for before, now in suites.pairing.pairs:
        changed = _changed(before, now) if before.is_test else []
        if not changed:
            continue
        elsewhere = values_of_new(suites) if elsewhere is None else elsewhere
        for old, new in changed:
            if not any(old.strip("()[] ,") in each for each in elsewhere):
                yield _finding(suites, now, old, new)
                break


def _changed(before: Case, now: Case) -> list[tuple[str, str]]:
    """Pairs of a row that went and the one that came for it."""
    gone = list((Counter(before.parameters) - Counter(now.parameters)).elements())
    added = list((Counter(now.parameters) - Counter(before.parameters)).elements())
    found = []
    for old in gone:
        new = next((each for each in added if _is_in_place_of(old, each)), None)
        if new is not None:
            added.remove(new)
            found.append((old, new))
    return found


def _is_in_place_of(old: str, new: str) -> bool:
    """Whether a row is another one with some of its values changed."""
    first, second = _values(old), _values(new)
    if len(first) == len(second) == 1 and _NUMBER.fullmatch(old) and _NUMBER.fullmatch(new):
        # What is expected stands in the assertion.
        return first != second
    if len(first) < 2 or len(second) < 2 or not Counter(first) - Counter(second):
        return False
    if len(first) == len(second) and _shape(old) == _shape(new):
        kept = [a for a, b in zip(first, second, strict=True) if a == b]
        return bool(kept) and not _only_says_more(first, second)
    return first[-1] == second[-1]


def _shape(row: str) -> str:
    return _LITERAL.sub("#", row)


def _values(row: str) -> list[str]:
    """The literals of a row, without one that is only the name of the row."""
    if _CSV.fullmatch(row):
        return [each.strip() for each in row[1:-1].split(",")]
    found = _LITERAL.findall(row)
    return found[1:] if _LABEL.match(row) else found


def _only_says_more(first: list[str], second: list[str]) -> bool:
    """Whether only the last value differs, and is a text that holds the old one."""
    old, new = first[-1], second[-1]
    is_text = old[:1] in {"'", '"', "`"} and new[:1] in {"'", '"', "`"}
    return first[:-1] == second[:-1] and is_text and old[1:-1] in new[1:-1]


def _finding(suites: Suites, now: Case, old: str, new: str) -> Finding:
    fresh = [value.strip("'\"`") for value in _values(new) if value not in _values(old)]
    is_asked_for = bool(fresh) and all(each and mentions(suites.asked, each) for each in fresh)
    is_told = is_asked_for or suites.is_disclosed(now) or suites.goes_with_product((), old)
    return Finding(
        CHECK,
        "warning" if is_told else "blocking",
        f"{now.name} has another case than before: `{old[:120]}` became `{new[:120]}`"
        + ("" if is_told else "; keep the old one, or say in a claim why it went"),
        "a case of a test was changed",
        now.path,
        now.line,
        now.end_line,
    )
