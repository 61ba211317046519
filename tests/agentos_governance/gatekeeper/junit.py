"""Test reports: those that pytest really wrote for a tree, and those of other runners.

Above: the runner. Below: the folder `reports`, which `record_reports` fills; a report is named by
the digest of the tree that it was made of, so none can be used for a tree that has changed since.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import quoteattr

from tests.agentos_governance.gatekeeper.form import Report

REPORTS = Path(__file__).with_name("reports")

_TIMESTAMP = re.compile(r'timestamp="[^"]*"')


class NoReportError(LookupError):
    """pytest has not run on a tree; `python -m tests.agentos_governance.gatekeeper.record_reports`."""


def pytest_report(reports: Path, digest: str, at: datetime) -> str:
    """What pytest wrote for the tree, as if it had begun at that time."""
    file = reports / f"{digest}.xml"
    if not file.is_file():
        raise NoReportError(f"no report of the tree {digest}: {NoReportError.__doc__}")
    return _TIMESTAMP.sub(f'timestamp="{at.isoformat()}"', file.read_text("utf-8"))


def other_report(report: Report, at: datetime) -> str:
    """A report in the form that runners other than pytest write: one suite for each group."""
    suites = "\n".join(_suite(name, tests, at) for name, tests in report.suites.items())
    tests = [test for suite in report.suites.values() for test in suite]
    counts = f'tests="{len(tests)}" failures="0" errors="0" time="0.204"'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="tests" {counts}>\n{suites}\n</testsuites>\n'


def _suite(name: str, tests: list[str] | tuple[str, ...] | object, at: datetime) -> str:
    assert isinstance(tests, list | tuple)
    skipped = sum(test.startswith("skipped:") for test in tests)
    head = (
        f'  <testsuite name={quoteattr(name)} tests="{len(tests)}" failures="0" errors="0" '
        f'skipped="{skipped}" time="0.102" timestamp="{at.replace(tzinfo=None).isoformat(timespec="seconds")}">'
    )
    return "\n".join([head, *(_case(name, test) for test in tests), "  </testsuite>"])


def _case(suite: str, test: str) -> str:
    name = test.removeprefix("skipped:")
    inside = "<skipped/>" if name != test else ""
    return (
        f'    <testcase classname={quoteattr(suite)} name={quoteattr(name)} time="0.012">'
        f"{inside}</testcase>"
    )
