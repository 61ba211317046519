"""Tests that are still there and do not run, or whose failure does not count.

Above: tests_kept. Below: suites. A skip that asks about the machine is for a reviewer to know;
any other stops the submission.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentos import Finding
from agentos_governance.gatekeeper.cases import Case, Skip
from agentos_governance.gatekeeper.records.reported_tests import has_passed
from agentos_governance.gatekeeper.suites.suites import Suites

CHECK = "tests_kept"
_IMPORTORSKIP = re.compile(r"importorskip\(\s*['\"]([\w.]+)")


def skipped_tests(suites: Suites, passed: frozenset[str] | None) -> Iterator[Finding]:
    """Skips and expected failures that the base did not have, once for each mark.

    `passed` are the tests that reports show to have run; None without a report.
    """
    seen: set[tuple[str, int]] = set()
    known = {(now.path, now.name): before for before, now in suites.pairing.pairs}
    for case in suites.new_cases:
        before = known.get((case.path, case.name))
        had = {each.text for each in before.skips} if before is not None else set()
        for skip in case.skips:
            if skip.text in had or (case.path, skip.line) in seen or not case.is_test:
                continue
            seen.add((case.path, skip.line))
            yield _of_test(suites, case, skip, before, passed)
    yield from _of_modules(suites, passed)
    yield from _of_fixtures(suites)


def _of_test(
    suites: Suites, case: Case, skip: Skip, before: Case | None, passed: frozenset[str] | None
) -> Finding:
    is_wish = "if" in skip.text.partition("(")[0].lower() and not skip.is_conditional
    # A new test that waits for something, such as a service, takes nothing away.
    # A new one that must fail until something else is mended shows a bug, and hides none.
    is_known_bug = (
        skip.is_expected_failure and re.search(r"strict\s*=\s*True", skip.text) is not None
    )
    is_harmless = before is None and (is_wish or is_known_bug)
    is_left = before is not None and not _still_runs(suites, before, case, skip, passed)
    severity = "warning" if is_harmless or (skip.is_conditional and not is_left) else "blocking"
    what = "is expected to fail" if skip.is_expected_failure else "does not run"
    return Finding(
        CHECK,
        "warning" if severity == "warning" else "blocking",
        f"{case.name} {what}: `{skip.text}`"
        + (" (depends on the machine)" if skip.is_conditional else ""),
        "a test is skipped" if not skip.is_expected_failure else "a test is expected to fail",
        case.path,
        skip.line,
        skip.line,
    )


def _still_runs(
    suites: Suites, before: Case, now: Case, skip: Skip, passed: frozenset[str] | None
) -> bool:
    """Whether a test that ran at the base runs in spite of a condition, as far as can be known."""
    if passed is not None:
        return has_passed(now, passed)
    return _needs_what_it_uses(suites, before.path, skip)


def _needs_what_it_uses(suites: Suites, path: str, skip: Skip) -> bool:
    """Whether a skip without a library names one that the tests imported before."""
    name = _IMPORTORSKIP.search(skip.text)
    old = suites.old.get(path)
    if name is None:
        return True
    known = old.imports.values() if old is not None else ()
    return any(full == name[1] or full.startswith(f"{name[1]}.") for full in known)


def _of_modules(suites: Suites, passed: frozenset[str] | None) -> Iterator[Finding]:
    before_of = {now.path: before.path for before, now in suites.pairing.pairs}
    for path, file in suites.new.items():
        old = suites.old.get(before_of.get(path, path))
        had = {each.text for each in old.skips} if old is not None else set()
        for skip in file.skips:
            if skip.text in had:
                continue
            is_left = old is not None and not any(
                _still_runs(suites, case, case, skip, passed) for case in old.cases if case.is_test
            )
            yield Finding(
                CHECK,
                "warning" if skip.is_conditional and not is_left else "blocking",
                f"no test of {path} runs: `{skip.text}`",
                "a file of tests is skipped",
                path,
                skip.line,
                skip.line,
            )


def _of_fixtures(suites: Suites) -> Iterator[Finding]:
    for path, file in suites.new.items():
        old = suites.old.get(path)
        before = {case.name: case for case in old.fixtures} if old is not None else {}
        for fixture in file.fixtures:
            had = (
                {each.text for each in before[fixture.name].skips}
                if fixture.name in before
                else set()
            )
            for skip in fixture.skips:
                if skip.text in had:
                    continue
                is_serious = not skip.is_conditional and (
                    fixture.is_automatic
                    or fixture.name in before
                    or _is_used_by_old(suites, fixture.name)
                )
                yield Finding(
                    CHECK,
                    "blocking" if is_serious else "warning",
                    f"the fixture {fixture.name} skips whatever uses it: `{skip.text}`",
                    "tests are skipped by a fixture",
                    path,
                    skip.line,
                    skip.line,
                )


def _is_used_by_old(suites: Suites, fixture: str) -> bool:
    return any(
        fixture in now.words or repr(fixture) in now.constants for _, now in suites.pairing.pairs
    )
