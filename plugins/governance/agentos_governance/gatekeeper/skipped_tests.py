"""Tests that are still there and do not run, or whose failure does not count.

Above: tests_kept. Below: suites. A skip that asks about the machine is for a reviewer to know;
any other stops the submission.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentos import Finding
from agentos_governance.gatekeeper.cases import Case, Skip
from agentos_governance.gatekeeper.suites import Suites

CHECK = "tests_kept"


def skipped_tests(suites: Suites) -> Iterator[Finding]:
    """Skips and expected failures that the base did not have, once for each mark."""
    seen: set[tuple[str, int]] = set()
    known = {(now.path, now.name): before for before, now in suites.pairing.pairs}
    for case in suites.new_cases:
        before = known.get((case.path, case.name))
        had = {each.text for each in before.skips} if before is not None else set()
        for skip in case.skips:
            if skip.text in had or (case.path, skip.line) in seen or not case.is_test:
                continue
            seen.add((case.path, skip.line))
            yield _of_test(case, skip, before)
    yield from _of_modules(suites)
    yield from _of_fixtures(suites)


def _of_test(case: Case, skip: Skip, before: Case | None) -> Finding:
    is_wish = "if" in skip.text.partition("(")[0].lower() and not skip.is_conditional
    # A new test that waits for something, such as a service, takes nothing away.
    # A new one that must fail until something else is mended shows a bug, and hides none.
    is_known_bug = (
        skip.is_expected_failure and re.search(r"strict\s*=\s*True", skip.text) is not None
    )
    is_harmless = before is None and (is_wish or is_known_bug)
    severity = "warning" if skip.is_conditional or is_harmless else "blocking"
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


def _of_modules(suites: Suites) -> Iterator[Finding]:
    for path, file in suites.new.items():
        old = next((o for p, o in suites.old.items() if p == path), None)
        had = {each.text for each in old.skips} if old is not None else set()
        for skip in file.skips:
            if skip.text in had:
                continue
            yield Finding(
                CHECK,
                "warning" if skip.is_conditional else "blocking",
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
