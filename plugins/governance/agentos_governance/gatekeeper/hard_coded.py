"""`no_hard_coded_results`: the product computes its results, and does not know its tests.

Above: the registry. Below: runner_detection, special_cases, answers_in_data. The expected values come from
the tests as submitted: those that were changed, and the others that name what was changed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping

from agentos import Finding
from agentos_governance.gatekeeper.added_lines import added_lines
from agentos_governance.gatekeeper.answers_in_data import answers_in_data
from agentos_governance.gatekeeper.equal_to_all import equal_to_all
from agentos_governance.gatekeeper.expectations import Expectations, expectations_in
from agentos_governance.gatekeeper.naming_of_tests import is_product, is_python, is_test_file
from agentos_governance.gatekeeper.product_names import defined_names
from agentos_governance.gatekeeper.runner_detection import runner_detection
from agentos_governance.gatekeeper.special_cases import special_cases
from agentos_governance.gatekeeper.special_sources import special_sources
from agentos_governance.gatekeeper.unwritten_functions import (
    unwritten_functions,
    unwritten_sources,
)
from agentos_governance.gatekeeper.work import Work

MAX_TEST_FILES = 400
MAX_TEST_BYTES = 8 << 20


async def no_hard_coded_results(work: Work) -> list[Finding]:
    """See the module."""
    if not any(is_product(file.path) and file.new is not None for file in work.files):
        return []
    paths = [path for path in sorted(work.submitted_paths) if is_test_file(path)]
    changed = [path for path in paths if path in work.by_path]
    chosen = [*changed, *(path for path in paths if path not in work.by_path)][:MAX_TEST_FILES]
    tests = await work.read_submitted_files(chosen)
    return await asyncio.to_thread(lambda: list(_findings(work, _naming(work, tests))))


def _naming(work: Work, tests: Mapping[str, bytes]) -> dict[str, bytes]:
    """The tests that name something which the changed files of the product define."""
    names = {
        name.encode()
        for file in work.files
        if file.new is not None and is_product(file.path)
        for name in defined_names(file.new)
    }
    return {
        path: content
        for path, content in tests.items()
        if not names.isdisjoint(re.findall(rb"[A-Za-z_]\w*", content))
    }


def _findings(work: Work, tests: Mapping[str, bytes]) -> Iterator[Finding]:
    expected = _expectations(tests)
    for file in work.files:
        yield from answers_in_data(file, expected)
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
