"""Test reports in JUnit's XML form: how many tests ran and how they ended.

Above: the shipped kinds. Below: xml_reading. Test cases are counted one by one; what a suite says
of itself, at whatever level, is believed only where it admits more failures than its cases show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentos import InvalidArgumentError
from agentos_governance.evidence.kinds import EvidenceKind, Facts, whole_number
from agentos_governance.evidence.xml_reading import read_xml

MAX_NAMES = 10
MAX_NAMES_CHARS = 800


class _Report:
    """What the elements so far say."""

    def __init__(self) -> None:
        self.stack: list[str] = []
        self.tests = 0
        self.outcomes = {"failure": 0, "error": 0, "skipped": 0}
        self.declared = {"failures": 0, "errors": 0}
        self.of_outermost = {"failures": 0, "errors": 0}
        self.failed: list[str] = []
        self._case = ""
        self._outcome: str | None = None

    def enter(self, name: str, attributes: Mapping[str, str]) -> None:
        if not self.stack and name not in {"testsuites", "testsuite"}:
            raise InvalidArgumentError(
                f"its root is <{name[:80]}>; JUnit's is <testsuites> or <testsuite>",
                remedy="pytest --junitxml=FILE writes one, as most test runners can",
            )
        parent = self.stack[-1] if self.stack else ""
        if name in {"testsuites", "testsuite"}:
            self._take_declared(name, attributes)
        elif name == "testcase" and parent in {"testsuites", "testsuite"}:
            self._case = f"{attributes.get('classname', '')}.{attributes.get('name', '')}"
            self._outcome = None
            self.tests += 1
        elif parent == "testcase" and name in self.outcomes:
            self._take_outcome(name)
        self.stack.append(name)

    def leave(self, name: str) -> None:
        self.stack.pop()
        if name == "testcase" and self._outcome is not None:
            self.outcomes[self._outcome] += 1
            if self._outcome != "skipped" and len(self.failed) < MAX_NAMES:
                self.failed.append(self._case.strip(".")[:200])
            self._outcome = None

    def _take_declared(self, name: str, attributes: Mapping[str, str]) -> None:
        """What is admitted at any level; only suites beside each other at the top add up."""
        is_outermost = name == "testsuite" and "testsuite" not in self.stack
        for what in self.declared:
            admitted = whole_number(attributes.get(what))
            if is_outermost:
                self.of_outermost[what] += admitted
                admitted = self.of_outermost[what]
            self.declared[what] = max(self.declared[what], admitted)

    def _take_outcome(self, name: str) -> None:
        """One outcome a case; the worst, since a case may fail and then fail again to tear down."""
        rank = ["skipped", "failure", "error"]
        if self._outcome is None or rank.index(name) > rank.index(self._outcome):
            self._outcome = name


def examine_test_report(content: bytes) -> Facts:
    """The facts of a JUnit report; InvalidArgumentError for one without a test."""
    report = _Report()
    read_xml(content, report.enter, report.leave)
    if report.tests == 0:
        raise InvalidArgumentError(
            "it contains no test", remedy="run the tests, and record the report of that run"
        )
    failures = max(report.outcomes["failure"], report.declared["failures"])
    errors = max(report.outcomes["error"], report.declared["errors"])
    skipped = report.outcomes["skipped"]
    bad = report.outcomes["failure"] + report.outcomes["error"]
    return {
        "tests": report.tests,
        "failures": failures,
        "errors": errors,
        "skipped": skipped,
        "passed": report.tests - bad - skipped,
        "failed_tests": ", ".join(report.failed)[:MAX_NAMES_CHARS] or None,
    }


def _find_failures(facts: Facts) -> Sequence[str]:
    counts = {name: facts.get(name) or 0 for name in ("tests", "failures", "errors", "passed")}
    if counts["failures"] or counts["errors"]:
        said = f": {facts['failed_tests']}" if facts.get("failed_tests") else ""
        bad = f"{counts['failures']} failures and {counts['errors']} errors"
        return [f"{bad} in {counts['tests']} tests{said}"]
    return [] if counts["passed"] else [f"none of its {counts['tests']} tests was run"]


TEST_REPORT = EvidenceKind(
    name="test_report",
    description="The report of a test run as JUnit XML, with at least one test",
    media_types=("application/xml", "text/xml"),
    examine=examine_test_report,
    facts={
        "tests": "Test cases in the report",
        "failures": "Cases that failed, or more where a suite says so",
        "errors": "Cases that broke, or more where a suite says so",
        "skipped": "Cases that were skipped",
        "passed": "Cases that ran and ended well",
        "failed_tests": "Names of the first that did not pass; null if all did",
    },
    find_failures=_find_failures,
    is_always_judged=True,
)
