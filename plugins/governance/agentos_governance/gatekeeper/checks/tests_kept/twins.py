"""Tests that went and whose twin stays: word for word the same, of the same functions, and still run.

Above: lost. Below: suites.reading, the files of tests as submitted.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

from agentos_governance.gatekeeper.cases import Case, TestFile
from agentos_governance.gatekeeper.foreign.cases import language_of
from agentos_governance.gatekeeper.suites.reading import holds_tests, read_file
from agentos_governance.gatekeeper.suites.suites import Suites
from agentos_governance.gatekeeper.work import Work

MAX_FILES = 1_000
MAX_GONE = 200
_WORD = re.compile(rb"[A-Za-z_]\w*")


async def cases_with_twins(work: Work, suites: Suites) -> frozenset[tuple[str, str]]:
    """Path and name of each test that is gone and stands elsewhere as it was."""
    gone = [case for case in suites.pairing.gone if case.is_test and case.effective][:MAX_GONE]
    if not gone:
        return frozenset()
    languages = {language_of(case.path) for case in gone}
    paths = [path for path in sorted(work.submitted_paths) if language_of(path) in languages]
    contents = await work.read_submitted_files(paths[:MAX_FILES])
    return await asyncio.to_thread(_with_twins, suites, gone, contents)


def _with_twins(
    suites: Suites, gone: Sequence[Case], contents: Mapping[str, bytes]
) -> frozenset[tuple[str, str]]:
    found = set()
    open_ = {(case.path, case.name): case for case in gone}
    for path, content in contents.items():
        words = {word.decode() for word in _WORD.findall(content)} if open_ else set()
        likely = [case for case in open_.values() if case.words <= words]
        if not likely or not holds_tests(path, content):
            continue
        if suites.new_rules.why_not_collected(path) is not None and path.endswith(".py"):
            continue
        file = read_file(path, content, suites.new_rules)
        for case in likely:
            if any(_is_twin(case, other, file) for other in file.cases):
                found.add((case.path, case.name))
                open_.pop((case.path, case.name), None)
    return frozenset(found)


def _is_twin(case: Case, other: Case, file: TestFile) -> bool:
    return (
        other.is_test
        and other.body == case.body
        and other.calls == case.calls
        and other.constants >= case.constants
        and set(other.parameters) >= set(case.parameters)
        and len(other.effective) >= len(case.effective)
        and not other.skips
        and not file.skips
        and not other.replaced
    )
