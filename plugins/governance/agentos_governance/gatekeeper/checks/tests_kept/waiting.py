"""Tests of the base that wait now: a sleep that gives what is too late, or races, time to pass.

Above: tests_kept. Below: suites. A loop that polls is the mend for such tests, and is left alone; so is a
new test, which may be about time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.cases import Case
from agentos_governance.gatekeeper.files.added_lines import added_lines, text_lines
from agentos_governance.gatekeeper.foreign.cases import SCRIPTS
from agentos_governance.gatekeeper.suites.suites import Suites

CHECK = "tests_kept"
_SLEEP = re.compile(
    r"\b(?:time|asyncio|anyio|trio|gevent)\.sleep\(\s*(\d+(?:\.\d+)?)\s*\)|(?<![\w.])sleep\(\s*(\d+(?:\.\d+)?)\s*\)"
    r"|\btime\.Sleep\(\s*(\d*)\s*\*?\s*time\.(?:Milli)?[sS]econds?\s*\)|\bThread\.sleep\(\s*(\d+)L?\s*\)|\bthread::sleep\("
    r"|\bsetTimeout\(\s*(?:r|resolve|res|done)\s*,\s*(\d+)\s*\)|\bwaitForTimeout\(\s*(\d+)\s*\)"
)
_LOOP = re.compile(r"^\s*(?:while|for|until|loop)\b")
_SLEEPS = frozenset({"sleep", "Sleep", "setTimeout", "waitForTimeout", "delay"})
LEAST = 0.5
_MILLISECONDS = re.compile(r"setTimeout|waitForTimeout|Thread\.sleep|Millisecond")


def waiting_tests(files: dict[str, ReviewedFile], suites: Suites) -> Iterator[Finding]:
    """Findings in tests that the base had without a sleep."""
    for before, now in suites.pairing.pairs:
        file = files.get(now.path)
        if file is None or not before.is_test or before.body == now.body or before.words & _SLEEPS:
            continue
        for number, line in added_lines(file):
            if (
                now.line <= number <= now.end_line
                and _waits(now.path, line)
                and not _polls(file, now, number)
            ):
                yield Finding(
                    CHECK,
                    "blocking",
                    f"{now.name} waits now: `{line.strip()[:120]}`; wait for what it is about instead",
                    "a test sleeps until it passes",
                    now.path,
                    number,
                    number,
                )
                break


def _waits(path: str, line: str) -> bool:
    match = _SLEEP.search(line)
    if match is None or line.strip().startswith(("#", "//")):
        return False
    number = next((group for group in match.groups() if group), "1")
    seconds = float(number) / (
        1000 if _MILLISECONDS.search(match[0]) or path.endswith(SCRIPTS) else 1
    )
    return seconds >= LEAST


def _polls(file: ReviewedFile, now: Case, number: int) -> bool:
    """Whether a line stands deeper than a loop above it in the same test."""
    lines = text_lines(file.new)
    depth = _indent(lines[number - 1])
    return any(
        _LOOP.match(line) and _indent(line) < depth for line in lines[now.line - 1 : number - 1]
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
