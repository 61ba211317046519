"""Which tests the recorded reports show to have run and passed, by every name a report may give them.

Above: tests_kept. Below: reports. What a test is called differs between runners; its last
part is enough to find it again.
"""

from __future__ import annotations

import asyncio

from agentos_governance.gatekeeper.cases import Case
from agentos_governance.gatekeeper.records.reports import read_test_report, standing_reports
from agentos_governance.gatekeeper.work import Work


async def passed_tests(work: Work) -> frozenset[str] | None:
    """The names; None where no report of a run stands."""
    found: set[str] = set()
    is_any = False
    for _, item in standing_reports(work.evidence):
        if item.kind != "test_report":
            continue
        content = await work.read_evidence(item.sha256)
        report = None if content is None else await asyncio.to_thread(read_test_report, content)
        for case in report.cases if report is not None else ():
            is_any = True
            if case.outcome == "passed":
                found |= {case.name, case.function, *_ends(case.name)}
    return frozenset(found) if is_any else None


def _ends(name: str) -> set[str]:
    return {name.rpartition(sign)[2].strip() for sign in (" > ", "::", " \u203a ", "/")}


def has_passed(case: Case, passed: frozenset[str]) -> bool:
    """Whether a test is among those that passed."""
    return not passed.isdisjoint({case.name, case.short_name, *_ends(case.name)})
