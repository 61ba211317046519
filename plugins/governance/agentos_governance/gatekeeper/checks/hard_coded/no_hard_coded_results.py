"""`no_hard_coded_results`: the product computes its results, and does not know its tests.

Above: the registry. Below: runner_detection, special_cases, answers_in_data. The expected values come from
the tests as submitted: those that were changed, and the others that name what was changed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence

from agentos import Finding, ReviewedFile
from agentos_governance.gatekeeper.checks.hard_coded.answers_in_data import (
    answers_in_data,
    may_hold_answers,
    names_data,
)
from agentos_governance.gatekeeper.checks.hard_coded.equal_to_all import equal_to_all
from agentos_governance.gatekeeper.checks.hard_coded.expectations import (
    Expectations,
    expectations_in,
)
from agentos_governance.gatekeeper.checks.hard_coded.runner_detection import runner_detection
from agentos_governance.gatekeeper.checks.hard_coded.special_cases import special_cases
from agentos_governance.gatekeeper.checks.hard_coded.special_sources import special_sources
from agentos_governance.gatekeeper.checks.hard_coded.unwritten_functions import (
    unwritten_functions,
    unwritten_sources,
)
from agentos_governance.gatekeeper.files.added_lines import added_lines
from agentos_governance.gatekeeper.files.naming import is_product, is_python, is_test_file
from agentos_governance.gatekeeper.files.product_names import defined_names
from agentos_governance.gatekeeper.work import Work

MAX_READERS = 200
MAX_TEST_FILES = 400
MAX_TEST_BYTES = 8 << 20


async def no_hard_coded_results(work: Work) -> list[Finding]:
    """See the module."""
    data = [file for file in work.files if may_hold_answers(file)]
    readers = await _readers(work, data) if data else {}
    is_product_changed = any(is_product(each.path) and each.new is not None for each in work.files)
    if not is_product_changed and not readers:
        return []
    paths = [path for path in sorted(work.submitted_paths) if is_test_file(path)]
    changed = [path for path in paths if path in work.by_path]
    chosen = [*changed, *(path for path in paths if path not in work.by_path)][:MAX_TEST_FILES]
    tests = await work.read_submitted_files(chosen)
    return await asyncio.to_thread(lambda: list(_findings(work, tests, readers)))


async def _readers(work: Work, data: Sequence[ReviewedFile]) -> dict[str, bytes]:
    """Unchanged sources of the product, near to files of data that changed, which name one of them."""
    folders = {file.path.partition("/")[0] for file in data if "/" in file.path}
    near = [
        path
        for path in sorted(work.submitted_paths)
        if path.partition("/")[0] in folders and is_product(path) and path not in work.by_path
    ]
    sources = await work.read_submitted_files(near[:MAX_READERS])
    return {
        path: content
        for path, content in sources.items()
        if any(names_data(content, file) for file in data)
    }


def _naming(
    work: Work, tests: Mapping[str, bytes], readers: Mapping[str, bytes]
) -> dict[str, bytes]:
    """The tests that name something which the changed files of the product, and readers, define."""
    changed = [file.new for file in work.files if file.new is not None and is_product(file.path)]
    names = {
        name.encode()
        for content in (*changed, *readers.values())
        for name in defined_names(content)
    }
    return {
        path: content
        for path, content in tests.items()
        if not names.isdisjoint(re.findall(rb"[A-Za-z_]\w*", content))
    }


def _findings(
    work: Work, tests: Mapping[str, bytes], readers: Mapping[str, bytes]
) -> Iterator[Finding]:
    expected = _expectations(_naming(work, tests, readers))
    for file in work.files:
        if may_hold_answers(file):
            yield from answers_in_data(file, expected, work.files, readers, work.objective)
        if file.new is None or not is_product(file.path):
            continue
        yield from runner_detection(file)
        if is_python(file.path):
            yield from special_cases(file, expected, work.objective)
            yield from equal_to_all(file)
            yield from unwritten_functions(file)
        else:
            yield from special_sources(file, expected)
            yield from unwritten_sources(file, added_lines(file))


def _expectations(tests: Mapping[str, bytes]) -> Expectations:
    expected = Expectations()
    left = MAX_TEST_BYTES
    for path, content in tests.items():
        left -= len(content)
        if left < 0:
            break
        expectations_in(path, content, expected)
    return expected
