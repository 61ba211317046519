"""Whether a run that is said to be of all tests was one.

Above: tests_ran. Below: reports, suites.reading, collection. Only where somebody says "all tests" or "the whole
suite"; and only tests are missed that stand in files of which the report has others, or that
use what was changed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

from agentos import Finding, ReviewedEvidence
from agentos_governance.gatekeeper.cases import Case
from agentos_governance.gatekeeper.files.naming import is_product, is_python, is_test_file
from agentos_governance.gatekeeper.python.collection import CollectionRules
from agentos_governance.gatekeeper.records.reports import TestReport
from agentos_governance.gatekeeper.suite_reading import suites_of
from agentos_governance.gatekeeper.suites.reading import read_file
from agentos_governance.gatekeeper.work import Work

CHECK = "tests_ran"
MAX_FILES = 1_000
MAX_NAMED = 5
_ALL = re.compile(
    r"(?i)\b(?:all|every|whole|entire|full|complete)\b[^.\n]{0,40}\b(?:tests?|suite)\b[^.\n]{0,30}\b(?:pass\w*|green|succeed\w*|ran|run)"
    r"|\b(?:test )?suite (?:is|was|runs?|stays) (?:all )?(?:green|passing)|\bthe (?:test )?suite passes"
    r"|\b(?:all|everything) (?:is )?green\b"
)


async def incomplete_runs(
    work: Work, reports: Sequence[tuple[ReviewedEvidence, TestReport]]
) -> list[Finding]:
    """At most one finding: tests that the reports lack although all are said to pass."""
    texts = [work.summary, *(item.claim for item in work.evidence if item.kind != "tool_use")]
    said = next((text for text in texts if _ALL.search(text)), None)
    if said is None or not any(_is_python_run(report) for _, report in reports):
        return []
    suites = await suites_of(work)
    if any(option in {"-k", "-m", "--lf"} for option in suites.new_rules.options):
        return []
    paths = [
        path
        for path in sorted(work.submitted_paths)
        if is_python(path)
        and is_test_file(path)
        and suites.new_rules.why_not_collected(path) is None
    ][:MAX_FILES]
    contents = await work.read_submitted_files(paths)
    ran = {case.function for _, report in reports for case in report.cases}
    missing = await asyncio.to_thread(
        _missing, contents, suites.new_rules, ran, _changed_words(work)
    )
    if not missing:
        return []
    shown = ", ".join(case.name for case in missing[:MAX_NAMED])
    more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
    item = reports[-1][0]
    return [
        Finding(
            CHECK,
            "blocking",
            f"`{said.strip()[:120]}` is said, and the reports lack {shown}{more}: run the whole suite "
            "and record that report",
            "not all tests ran",
            item.path,
        )
    ]


def _is_python_run(report: TestReport) -> bool:
    return any("test" in case.class_name or case.file.endswith(".py") for case in report.cases)


def _changed_words(work: Work) -> set[bytes]:
    """Modules of the product that were changed, as an import names them."""
    return {
        file.path.rpartition("/")[2].partition(".")[0].encode()
        for file in work.files
        if is_product(file.path) and is_python(file.path)
    }


def _missing(
    contents: Mapping[str, bytes], rules: CollectionRules, ran: set[str], changed: set[bytes]
) -> list[Case]:
    found: list[Case] = []
    for path, content in contents.items():
        file = read_file(path, content, rules)
        cases = [case for case in file.cases if case.is_test and not case.skips and not file.skips]
        absent = [case for case in cases if case.short_name not in ran]
        is_covered = len(absent) < len(cases)
        uses_change = any(
            re.search(rb"\b(import|from)\b[^\n]*\b" + re.escape(word) + rb"\b", content)
            for word in changed
        )
        if absent and (is_covered or uses_change):
            found += absent
    return found
