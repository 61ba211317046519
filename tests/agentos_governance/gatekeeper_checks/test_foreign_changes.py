"""Tests in JavaScript, Go, Rust and Java are compared like those in Python (issue 6)."""

from __future__ import annotations

import pytest

from agentos import Finding
from agentos_governance.gatekeeper.checks.hard_coded.no_hard_coded_results import (
    no_hard_coded_results,
)
from agentos_governance.gatekeeper.checks.hidden_failures.no_hidden_failures import (
    no_hidden_failures,
)
from agentos_governance.gatekeeper.checks.tests_kept.tests_kept import tests_kept as kept_tests
from agentos_governance.gatekeeper.checks.thresholds.thresholds_kept import thresholds_kept
from tests.agentos_governance.gatekeeper_checks.foreign_changes import CHEATS, HONEST, Change
from tests.agentos_governance.gatekeeper_checks.reviewed import Check, work_of

pytestmark = pytest.mark.anyio

CHECKS: tuple[Check, ...] = (
    kept_tests,
    thresholds_kept,
    no_hidden_failures,
    no_hard_coded_results,
)


async def _blocking(change: Change) -> list[Finding]:
    before, after, renamed = change
    found: list[Finding] = []
    for check in CHECKS:
        found += await check(work_of(before, after, renamed=renamed))
    return [each for each in found if each.severity == "blocking"]


@pytest.mark.parametrize("name", CHEATS)
async def test_a_change_that_hides_something_stops_the_submission(name: str) -> None:
    assert await _blocking(CHEATS[name])


@pytest.mark.parametrize("name", HONEST)
async def test_a_change_that_hides_nothing_is_let_through(name: str) -> None:
    assert await _blocking(HONEST[name]) == []
