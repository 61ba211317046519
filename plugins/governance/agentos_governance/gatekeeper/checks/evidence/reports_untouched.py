"""`reports_untouched`: a report is what a runner wrote, not what somebody made of it.

Above: the registry. Below: reports, tool_uses. Its totals must be those of its cases, its times
must fit, and no record of the worker's tools may contradict it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

import orjson

from agentos import Finding, ReviewedEvidence
from agentos_governance.gatekeeper.records.reports import (
    MAX_REPORTS,
    Suite,
    TestReport,
    parse_time,
    read_test_report,
    standing_reports,
)
from agentos_governance.gatekeeper.records.tool_uses import ToolRecord, tool_records
from agentos_governance.gatekeeper.work import Work

CHECK = "reports_untouched"
LEAST_SHARED = 3
"""So many different times of tests do not come twice."""
MAX_LINE_CHARS = 2_000
_AHEAD = timedelta(minutes=10)
_FAILED_OUTPUT = re.compile(
    r"(?m)^=+ .*\b[1-9]\d* (failed|errors?)\b.*=+\s*$|^FAILED \(|^Tests:\s+[1-9]\d* failed|^--- FAIL: "
    r"|^test result: FAILED|BUILD FAILURE|^FAIL\t|^[ \t]*[1-9]\d* (failing|failed)\b|^Found [1-9]\d* errors? in "
    r"|^FAILED \S+::|^[1-9]\d* failed,"
)


async def reports_untouched(work: Work) -> list[Finding]:
    """See the module."""
    records = await tool_records(work)
    found: list[Finding] = []
    for at, item in standing_reports(work.evidence):
        content = await work.read_evidence(item.sha256)
        if content is None:
            continue
        if item.kind == "command_result":
            found += _of_command(item, content)
            continue
        report = await asyncio.to_thread(read_test_report, content)
        if report is None:
            continue
        found += _of_report(item, report)
        found += _of_records(item, [record for record in records if record.at < at])
    return found + await _edited_runs(work)


async def _edited_runs(work: Work) -> list[Finding]:
    """One run that was recorded twice, and ends otherwise the second time."""
    seen: list[tuple[ReviewedEvidence, TestReport]] = []
    found: list[Finding] = []
    for item in [e for e in work.evidence if e.kind == "test_report"][-MAX_REPORTS:]:
        content = await work.read_evidence(item.sha256)
        report = None if content is None else await asyncio.to_thread(read_test_report, content)
        if report is None:
            continue
        for before, earlier in seen:
            is_still = _nothing_changed_since(work, before)
            if before.sha256 != item.sha256 and _is_one_run(earlier, report, is_still=is_still):
                found.append(
                    _found(
                        item,
                        f"it is of the same run as {before.id}, by the times of its tests, and "
                        "shows another outcome",
                    )
                )
                break
        seen.append((item, report))
    return found


def _nothing_changed_since(work: Work, item: ReviewedEvidence) -> bool:
    recorded = parse_time(item.created_at)
    if recorded is None or not work.changed_at:
        return False
    return all(at <= recorded for at in work.changed_at.values())


def _is_one_run(first: TestReport, second: TestReport, *, is_still: bool) -> bool:
    """Whether tests that both have took exactly as long, and some ended otherwise or are gone.

    Tests may be too fast for different times; then nothing may have changed between the two.
    """
    times = {(case.class_name, case.name): case for case in first.cases}
    shared = [
        (times[case.class_name, case.name], case)
        for case in second.cases
        if (case.class_name, case.name) in times
    ]
    n_times = len({case.time for _, case in shared if case.time is not None})
    if len(shared) < LEAST_SHARED or n_times < (1 if is_still else LEAST_SHARED):
        return False
    if any(before.time != now.time for before, now in shared):
        return False
    differs = any(before.outcome != now.outcome for before, now in shared)
    return differs or len(first.cases) != len(second.cases)


def _of_report(item: ReviewedEvidence, report: TestReport) -> Iterator[Finding]:
    for odd in report.odd[:3]:
        yield _found(item, f"no runner writes {odd}")
    for suite in report.suites:
        why = _inconsistency(suite)
        if why is not None:
            yield _found(item, why)
            break
    recorded = parse_time(item.created_at)
    for at, _ in report.times():
        if recorded is not None and at > recorded + _AHEAD:
            yield _found(item, f"it says it began at {at.isoformat()}, after it was recorded")
            break


def _inconsistency(suite: Suite) -> str | None:
    counted, declared = suite.counted, suite.declared
    bad = counted["failures"] + counted["errors"]
    for what, number in declared.items():
        if number == counted[what]:
            continue
        # A test that fails and then breaks in its teardown is two cases of one test.
        if what == "tests" and 0 < counted[what] - number <= bad:
            continue
        return f"the suite {suite.name!r} says {number} {what}, and its cases are {counted[what]}"
    if suite.time is not None and suite.longest > suite.time * 1.01 + 0.5:
        return (
            f"the suite {suite.name!r} says it took {suite.time:g} s, and one of its tests took "
            f"{suite.longest:g} s"
        )
    return None


def _of_records(item: ReviewedEvidence, before: Sequence[ToolRecord]) -> Iterator[Finding]:
    """What hooks saw until the report was recorded."""
    writing = [r for r in before if item.path and r.written.get(item.path) == item.sha256]
    if writing and not writing[0].runs_tests:
        what = writing[0].command or writing[0].tool
        yield _found(item, f"{item.path} was written by `{what[:120]}`, which runs no test")
    runs = [record for record in before if record.runs_tests and record.exit_code is not None]
    naming = [r for r in runs if item.path and item.path.rpartition("/")[2] in (r.command or "")]
    last = (naming or runs)[-1:] or None
    failures = (item.facts.get("failures") or 0), (item.facts.get("errors") or 0)
    if last and last[0].exit_code and failures == (0, 0):
        yield _found(
            item,
            f"it shows no failure, and `{(last[0].command or '')[:120]}` ended with exit code "
            f"{last[0].exit_code} before it was recorded",
            is_sure=last[0].exit_code in {1, 2, 101} and bool(naming or last[0].exit_code == 1),
        )


def _of_command(item: ReviewedEvidence, content: bytes) -> Iterator[Finding]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return
    if not isinstance(document, dict) or document.get("exit_code") != 0:
        return
    output = document.get("output")
    lines = output[-200_000:].splitlines() if isinstance(output, str) else []
    # Runners write short lines; a long one would be searched for minutes.
    found = (_FAILED_OUTPUT.search(line[:MAX_LINE_CHARS]) for line in lines)
    match = next((each for each in found if each is not None), None)
    if match is not None:
        yield _found(item, f"it says exit code 0, and its output says `{match[0].strip()[:120]}`")


def _found(item: ReviewedEvidence, what: str, *, is_sure: bool = True) -> Finding:
    return Finding(
        CHECK,
        "blocking" if is_sure else "warning",
        f"{item.id} ({item.kind}): {what}; run it again and record what the run wrote",
        "a report contradicts itself",
        item.path,
    )
