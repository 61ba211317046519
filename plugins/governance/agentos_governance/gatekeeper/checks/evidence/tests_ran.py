"""`tests_ran`: what is said of tests rests on a report that the server took, of tests that are there.

Above: the registry. Below: reports, suites, tool_uses.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

from agentos import Finding, ReviewedEvidence
from agentos_governance.gatekeeper.cases import Case
from agentos_governance.gatekeeper.checks.evidence.incomplete_runs import incomplete_runs
from agentos_governance.gatekeeper.files.commands import CHECKING
from agentos_governance.gatekeeper.files.naming import is_python, is_test_file
from agentos_governance.gatekeeper.python.collection import CollectionRules
from agentos_governance.gatekeeper.records.reports import (
    ReportedCase,
    TestReport,
    read_test_report,
    standing_reports,
)
from agentos_governance.gatekeeper.records.tool_uses import tool_records
from agentos_governance.gatekeeper.suite_reading import suites_of
from agentos_governance.gatekeeper.suites.reading import read_file
from agentos_governance.gatekeeper.work import Work

CHECK = "tests_ran"
MAX_NAMED = 5
MAX_FILES = 500

_CLAIM = re.compile(
    r"(?i)\b(?:all|every|the|\d+|unit|integration)\s+(?:\w+\s+){0,3}tests?\s+(?:now\s+|all\s+|are\s+|is\s+|still\s+)*"
    r"(?:pass|passed|passes|passing|green|succeed)|\btests?\s+(?:all\s+|now\s+|still\s+|are\s+)*(?:pass|passed|passing|green)\b"
    r"|\b\d+\s+(?:tests?\s+)?passed\b|\btest suite\s+(?:\w+\s+)?(?:passes|is green|passed)|\bpytest\s+(?:passes|passed|is green)"
)
_NUMBER = re.compile(r"(?i)\b(\d{1,6})\s+(?:\w+\s+){0,2}?(?:tests?\s+(?:\w+\s+)?pass\w*|passed\b)")
_NOT_YET = re.compile(
    r"(?i)\b(not|no|never|n't|without|should|will|must|once|until|if)\b[^.\n]{0,40}$"
)
_LIKE_PYTHON = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")
_NO_RUN = re.compile(
    r"--collect-only|--co\b|--dry-run|--list(-tests)?\b|--setup-plan|--version|--help|-h\b|--fixtures"
)


async def tests_ran(work: Work) -> list[Finding]:
    """See the module."""
    reports: list[tuple[ReviewedEvidence, TestReport]] = []
    for _, item in standing_reports(work.evidence):
        if item.kind != "test_report":
            continue
        content = await work.read_evidence(item.sha256)
        report = None if content is None else await asyncio.to_thread(read_test_report, content)
        if report is not None:
            reports.append((item, report))
    found = [*await _unsupported(work, reports)]
    for item, report in reports:
        found += await _names(work, item, report)
        found += _without_run(item, report)
    found += await _not_run(work, reports)
    found += await incomplete_runs(work, reports)
    found += [each async for each in _commands_without_run(work)]
    return found


async def _unsupported(
    work: Work, reports: Sequence[tuple[ReviewedEvidence, TestReport]]
) -> list[Finding]:
    """Claims about tests with nothing behind them, or with another number behind them."""
    said = [
        (work.summary, "the summary"),
        *((e.claim, e.id) for e in work.evidence[-500:] if e.kind != "tool_use"),
    ]
    claims = [(text, who) for text, who in said if _claims_tests(text)]
    if not claims:
        return []
    passed = [report.passed for _, report in reports]
    if not reports and not await _ran_otherwise(work):
        text, who = claims[0]
        return [
            Finding(
                CHECK,
                "blocking",
                f"{who} says of tests `{text.strip()[:160]}`, and no report of a run was recorded: "
                "run them, and record the runner's report as `test_report`",
                "tests are said to pass and no report shows it",
            )
        ]
    found = []
    for text, who in claims:
        numbers = [int(match[1]) for match in _NUMBER.finditer(text)]
        most = max(numbers, default=0)
        if reports and most > max(sum(passed), *passed):
            found.append(
                Finding(
                    CHECK,
                    "blocking",
                    f"{who} says that {most} tests passed; the recorded reports show {sum(passed)}",
                    "more tests are said to pass than ran",
                )
            )
    return found


def _claims_tests(text: str) -> bool:
    return any(not _NOT_YET.search(text[: match.start()]) for match in _CLAIM.finditer(text))


async def _ran_otherwise(work: Work) -> bool:
    """Whether a recorded command ran tests and ended well."""
    for item in work.evidence:
        if item.kind == "command_result" and item.facts.get("exit_code") == 0:
            return True
    return any(r.runs_tests and r.exit_code in (0, None) for r in await tool_records(work))


async def _commands_without_run(work: Work) -> AsyncIterator[Finding]:
    """Recorded commands of runners that run nothing."""
    for item in work.evidence:
        if item.kind != "command_result":
            continue
        content = await work.read_evidence(item.sha256)
        text = (content or b"")[:4_000].decode("utf-8", "replace")
        command = re.search(r'"command"\s*:\s*"((?:[^"\\]|\\.)*)"', text)
        if command and CHECKING.search(command[1]) and _NO_RUN.search(command[1]):
            yield Finding(
                CHECK, "blocking", f"{item.id}: `{command[1][:160]}` runs no test",
                "a command that runs no test is shown for a run", item.path,
            )  # fmt: skip


async def _names(work: Work, item: ReviewedEvidence, report: TestReport) -> list[Finding]:
    """Cases of the report that the submitted tree does not have."""
    paths = {path for path in work.submitted_paths if is_python(path)}
    placed = _placed(report.cases, paths)
    wanted = sorted({path for _, path in placed if path})[:MAX_FILES]
    contents = await work.read_submitted_files(wanted)
    defined = await asyncio.to_thread(_defined_names, contents)
    unknown, nowhere = [], []
    for case, path in placed:
        if path is None:
            nowhere.append(case)
        elif path in defined and defined[path] is not None and not _is_defined(case, defined[path]):
            unknown.append(case)
    found = []
    if nowhere and len(nowhere) == len(placed):
        found.append(
            _found(item, f"none of its tests is in the submitted tree, such as {_named(nowhere)}")
        )
    elif nowhere or unknown:
        found.append(
            _found(
                item, f"tests that the submitted tree does not have: {_named([*nowhere, *unknown])}"
            )
        )
    return found


def _placed(
    cases: Iterable[ReportedCase], paths: set[str]
) -> list[tuple[ReportedCase, str | None]]:
    """The file of each case that looks like one of pytest or unittest; None where there is none."""
    endings: dict[str, list[str]] = {}
    for path in paths:
        endings.setdefault(path.rpartition("/")[2], []).append(path)
    found: list[tuple[ReportedCase, str | None]] = []
    known: dict[tuple[str, str], str | None] = {}
    for case in cases:
        if not _is_pythonic(case):
            continue
        key = (case.class_name, case.file)
        if key not in known:
            known[key] = _file_of(case, paths, endings)
        found.append((case, known[key]))
    return found


def _is_pythonic(case: ReportedCase) -> bool:
    if case.file.endswith(".py"):
        return True
    parts = case.class_name.split(".")
    return (
        bool(_LIKE_PYTHON.match(case.class_name))
        and len(parts) > 1
        and any(
            part.startswith("test_") or part.endswith("_test") or part == "tests" for part in parts
        )
    )


def _file_of(case: ReportedCase, paths: set[str], endings: Mapping[str, list[str]]) -> str | None:
    if case.file.endswith(".py"):
        plain = case.file.replace("\\", "/").removeprefix("./")
        near = endings.get(plain.rpartition("/")[2], [])
        return (
            plain
            if plain in paths
            else next((p for p in near if p.endswith(f"/{plain}") or plain.endswith(f"/{p}")), None)
        )
    parts = case.class_name.split(".")
    for length in range(len(parts), 0, -1):
        path = "/".join(parts[:length]) + ".py"
        if path in paths:
            return path
        near = [
            each for each in endings.get(f"{parts[length - 1]}.py", []) if each.endswith(f"/{path}")
        ]
        if near:
            return min(near)
    return None


def _defined_names(contents: Mapping[str, bytes]) -> dict[str, frozenset[str] | None]:
    """Names of functions in each file; None where more may come from elsewhere."""
    found: dict[str, frozenset[str] | None] = {}
    for path, content in contents.items():
        file = read_file(path, content, CollectionRules())
        inherits = re.search(rb"^class \w+\((?!.*TestCase\b)(?!object)[\w.]", content, re.MULTILINE)
        generates = b"import *" in content or b"load_tests" in content or b"setattr(" in content
        is_open = not file.is_readable or bool(inherits) or generates
        found[path] = None if is_open else frozenset(case.short_name for case in file.cases)
    return found


def _is_defined(case: ReportedCase, names: frozenset[str] | None) -> bool:
    plain = case.function
    if names is None or not plain.isidentifier():
        return True
    # parameterized and hypothesis append a number to the name.
    return plain in names or re.sub(r"_\d+(_\w*)?$", "", plain) in names


def _without_run(item: ReviewedEvidence, report: TestReport) -> Iterator[Finding]:
    if report.cases and all(case.outcome == "skipped" for case in report.cases):
        yield _found(item, f"all of its {len(report.cases)} tests were skipped")


async def _not_run(
    work: Work, reports: Sequence[tuple[ReviewedEvidence, TestReport]]
) -> list[Finding]:
    """New and changed tests that no report has, or has as skipped."""
    if not reports:
        return []
    suites = await suites_of(work)
    ran: dict[str, set[str]] = {}
    for _, report in reports:
        for case in report.cases:
            ran.setdefault(case.function, set()).add(case.outcome)
    before = {(now.path, now.name): old for old, now in suites.pairing.pairs}
    changed = [
        case
        for case in suites.new_cases
        if case.is_test
        and is_python(case.path)
        and is_test_file(case.path)
        and ((case.path, case.name) not in before or before[case.path, case.name].body != case.body)
    ]
    missing = [case for case in changed if case.short_name not in ran]
    skipped = [
        case for case in changed if ran.get(case.short_name) == {"skipped"} and not case.skips
    ]
    found = []
    if missing and len(missing) == len(changed):
        found.append(
            Finding(
                CHECK,
                "blocking",
                f"no report has the tests that were written or changed: {_cases(missing)}",
                "the changed tests did not run",
                missing[0].path,
                missing[0].line,
                missing[0].end_line,
            )
        )
    for cases, what in (
        (missing if not found else [], "are in no report"),
        (skipped, "were skipped"),
    ):
        if cases:
            found.append(
                Finding(
                    CHECK,
                    "warning",
                    f"new or changed tests {what}: {_cases(cases)}",
                    "changed tests did not run",
                    cases[0].path,
                    cases[0].line,
                    cases[0].end_line,
                )
            )
    return found


def _cases(cases: Sequence[Case]) -> str:
    more = f" and {len(cases) - MAX_NAMED} more" if len(cases) > MAX_NAMED else ""
    return ", ".join(case.name for case in cases[:MAX_NAMED]) + more


def _named(cases: Sequence[ReportedCase]) -> str:
    more = f" and {len(cases) - MAX_NAMED} more" if len(cases) > MAX_NAMED else ""
    return ", ".join(f"{c.class_name}.{c.name}".strip(".") for c in cases[:MAX_NAMED]) + more


def _found(item: ReviewedEvidence, what: str) -> Finding:
    return Finding(
        CHECK,
        "blocking",
        f"{item.id}: {what}; run the tests on what you submit, and record that report",
        "the report is not of the submitted tests",
        item.path,
    )
