"""Test and coverage reports as checks read them: every case, every total, every time.

Above: reports_untouched, tests_ran, evidence_from_this_tree. Below: xml_reading, which is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agentos import InvalidArgumentError, LimitExceededError, ReviewedEvidence
from agentos_governance.evidence.xml_reading import read_xml

MAX_CASES = 50_000
MAX_REPORTS = 50
_OUTCOMES = ("failure", "error", "skipped")


@dataclass(frozen=True, slots=True)
class ReportedCase:
    """One test of a report. `outcome` is passed, failure, error or skipped."""

    class_name: str
    name: str
    file: str
    outcome: str
    time: float | None

    @property
    def function(self) -> str:
        """The name of its function: without parameters, `file::`, `module.Class.` and `(Class)`."""
        plain = self.name.partition("[")[0].partition(" ")[0].partition("(")[0]
        return plain.rpartition("::")[2].rpartition(".")[2]


@dataclass
class Suite:
    """What a suite says of itself, and what is in it."""

    name: str
    declared: dict[str, int]
    time: float | None
    timestamp: str | None
    counted: dict[str, int] = field(
        default_factory=lambda: {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    )
    longest: float = 0.0


@dataclass
class TestReport:
    """A JUnit report; `odd` are values that no runner writes."""

    cases: list[ReportedCase] = field(default_factory=list)
    suites: list[Suite] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """Cases that ran and ended well."""
        return sum(case.outcome == "passed" for case in self.cases)

    def times(self) -> list[tuple[datetime, float]]:
        """When suites began, where they say so with a time zone, and how long they took."""
        found = []
        for suite in self.suites:
            at = parse_time(suite.timestamp)
            if at is not None and at.tzinfo is not None:
                found.append((at, suite.time or 0.0))
        return found


@dataclass
class CoverageReport:
    """A Cobertura report: the last line that it speaks of in each file, and its source folders."""

    files: dict[str, int] = field(default_factory=dict)


def read_test_report(content: bytes) -> TestReport | None:
    """The report; None where it cannot be read."""
    reader = _TestReader()
    try:
        read_xml(content, reader.enter, reader.leave)
    except (InvalidArgumentError, LimitExceededError):
        return None
    return reader.report


def read_coverage_report(content: bytes) -> CoverageReport | None:
    """The report; None where it cannot be read."""
    reader = _CoverageReader()
    try:
        read_xml(content, reader.enter, reader.leave)
    except (InvalidArgumentError, LimitExceededError):
        return None
    return reader.report


def parse_time(text: str | None) -> datetime | None:
    """A time of ISO 8601; None for anything else."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


class _TestReader:
    def __init__(self) -> None:
        self.report = TestReport()
        self._open: list[Suite] = []
        self._stack: list[str] = []
        self._case: ReportedCase | None = None

    def enter(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in {"testsuite", "testsuites"}:
            self._open.append(self._suite(name, attributes))
        elif name == "testcase":
            self._case = ReportedCase(
                attributes.get("classname", "")[:500],
                attributes.get("name", "")[:500],
                attributes.get("file", "")[:500],
                "passed",
                self._time(attributes.get("time")),
            )
        elif self._case is not None and name in _OUTCOMES and self._stack[-1:] == ["testcase"]:
            rank = ("passed", "skipped", "failure", "error")
            worst = max(self._case.outcome, name, key=rank.index)
            case = self._case
            self._case = ReportedCase(case.class_name, case.name, case.file, worst, case.time)
        self._stack.append(name)

    def leave(self, name: str) -> None:
        self._stack.pop()
        if name == "testcase" and self._case is not None:
            self._count(self._case)
            self._case = None
        elif name in {"testsuite", "testsuites"} and self._open:
            self.report.suites.append(self._open.pop())

    def _count(self, case: ReportedCase) -> None:
        if len(self.report.cases) < MAX_CASES:
            self.report.cases.append(case)
        totals = {"failure": "failures", "error": "errors", "skipped": "skipped"}
        for suite in self._open:
            suite.counted["tests"] += 1
            suite.longest = max(suite.longest, case.time or 0.0)
            if case.outcome in totals:
                suite.counted[totals[case.outcome]] += 1

    def _suite(self, name: str, attributes: Mapping[str, str]) -> Suite:
        declared = {}
        for what in ("tests", "failures", "errors", "skipped"):
            text = attributes.get(what)
            if text is None:
                continue
            if text.strip().isdecimal() and len(text) < 12:
                declared[what] = int(text)
            else:
                self.report.odd.append(f'{what}="{text[:40]}"')
        return Suite(
            (attributes.get("name") or name)[:200],
            declared,
            self._time(attributes.get("time")),
            attributes.get("timestamp"),
        )

    def _time(self, text: str | None) -> float | None:
        if text is None or not text.strip():
            return None
        try:
            time = float(text.replace(",", ""))
        except ValueError:
            self.report.odd.append(f'time="{text[:40]}"')
            return None
        if not 0 <= time < 1e7:
            self.report.odd.append(f'time="{text[:40]}"')
            return None
        return time


class _CoverageReader:
    def __init__(self) -> None:
        self.report = CoverageReport()
        self._file = ""

    def enter(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "class":
            self._file = attributes.get("filename", "")[:1_000]
            self.report.files.setdefault(self._file, 0)
        elif name == "line" and self._file:
            number = attributes.get("number", "")
            if number.isdecimal() and len(number) < 9:
                known = self.report.files[self._file]
                self.report.files[self._file] = max(known, int(number))

    def leave(self, name: str) -> None:
        if name == "class":
            self._file = ""


def standing_reports(
    evidence: Sequence[ReviewedEvidence],
) -> list[tuple[int, ReviewedEvidence]]:
    """The newest report about each file, with its place; oldest first."""
    found: dict[str, tuple[int, ReviewedEvidence]] = {}
    for at, item in enumerate(evidence):
        if item.kind in {"test_report", "command_result"}:
            # Of reports that were handed over as text, the newest stands for all.
            other = "" if item.kind == "test_report" else item.sha256
            key = f"{item.kind} {item.path or other}"
            found.pop(key, None)
            found[key] = (at, item)
    return list(found.values())[-MAX_REPORTS:]
