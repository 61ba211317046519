"""`tests_kept`: no test is deleted, skipped, hidden from the runner, or asserts less than before.

Above: the registry. Below: one module for each way in which tests are lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from agentos import Finding
from agentos_governance.gatekeeper.checks.tests_kept.changed_rows import changed_rows
from agentos_governance.gatekeeper.checks.tests_kept.data_of_tests import changed_test_data
from agentos_governance.gatekeeper.checks.tests_kept.doubles_for_all import doubles_for_all
from agentos_governance.gatekeeper.checks.tests_kept.examples import changed_examples
from agentos_governance.gatekeeper.checks.tests_kept.golden_files import changed_golden_files
from agentos_governance.gatekeeper.checks.tests_kept.lost import (
    lost_parameters,
    lost_tests,
    moved_files,
    uncollected_tests,
)
from agentos_governance.gatekeeper.checks.tests_kept.machinery import (
    changed_machinery,
    narrowed_collection,
)
from agentos_governance.gatekeeper.checks.tests_kept.narrowed_properties import (
    narrowed_properties,
)
from agentos_governance.gatekeeper.checks.tests_kept.setup_files import setup_files
from agentos_governance.gatekeeper.checks.tests_kept.shadowed_products import shadowed_products
from agentos_governance.gatekeeper.checks.tests_kept.skipped import skipped_tests
from agentos_governance.gatekeeper.checks.tests_kept.twins import cases_with_twins
from agentos_governance.gatekeeper.checks.tests_kept.unlinked_modules import unlinked_modules
from agentos_governance.gatekeeper.checks.tests_kept.waiting import waiting_tests
from agentos_governance.gatekeeper.checks.tests_kept.weakened import (
    doubtful_mains,
    empty_tests,
    replaced_subjects,
    weakened_tests,
)
from agentos_governance.gatekeeper.files.naming import is_test_file
from agentos_governance.gatekeeper.records.reported_tests import passed_tests
from agentos_governance.gatekeeper.suite_reading import suites_of
from agentos_governance.gatekeeper.suites.suites import Suites
from agentos_governance.gatekeeper.work import Work

CHECK = "tests_kept"


async def tests_kept(work: Work) -> list[Finding]:
    """See the module."""
    suites = await suites_of(work)
    twins = await cases_with_twins(work, suites)
    passed = await passed_tests(work)
    found = await asyncio.to_thread(lambda: list(_findings(work, suites, twins, passed)))
    for examine in (doubles_for_all, shadowed_products, setup_files, unlinked_modules):
        found += await examine(work, suites)
    return found


def _findings(
    work: Work,
    suites: Suites,
    twins: frozenset[tuple[str, str]],
    passed: frozenset[str] | None,
) -> Iterator[Finding]:
    yield from _unreadable(work, suites)
    yield from lost_tests(suites, twins)
    yield from uncollected_tests(suites)
    yield from moved_files(suites)
    yield from lost_parameters(suites)
    yield from changed_rows(suites)
    yield from narrowed_properties(work.files, suites)
    yield from changed_examples(work.files, suites)
    yield from weakened_tests(suites)
    yield from empty_tests(suites)
    yield from doubtful_mains(suites)
    yield from replaced_subjects(suites)
    yield from changed_golden_files(work.files, suites)
    yield from waiting_tests(work.by_path, suites)
    yield from changed_test_data(work.files, suites)
    yield from skipped_tests(suites, passed)
    yield from changed_machinery(work.files)
    yield from narrowed_collection(
        suites.old_rules, suites.new_rules, work.base_tree, work.submitted_paths, work.by_path
    )


def _unreadable(work: Work, suites: Suites) -> Iterator[Finding]:
    """Files of tests that cannot be compared: broken, or too large."""
    for path, file in suites.new.items():
        before = suites.old.get(path)
        if not file.is_readable and (before is None or before.is_readable):
            yield Finding(
                CHECK,
                "blocking",
                f"{path} cannot be parsed, so that nobody can say what it tests",
                "a file of tests is not readable",
                path,
            )
    for changed in work.files:
        if changed.is_left_out and is_test_file(changed.path) and changed.new_mode is not None:
            yield Finding(
                CHECK,
                "blocking",
                f"{changed.path} is too large to be compared with what it was",
                "a file of tests is not readable",
                changed.path,
            )
