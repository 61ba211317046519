"""Cheats in products, settings, pipelines and secrets are found, honest changes let through (issue 6)."""

from __future__ import annotations

import pytest

from agentos import Finding
from agentos_governance.gatekeeper.binaries import no_binaries
from agentos_governance.gatekeeper.hard_coded import no_hard_coded_results
from agentos_governance.gatekeeper.hidden_failures import no_hidden_failures
from agentos_governance.gatekeeper.secret_values import no_secrets
from agentos_governance.gatekeeper.tests_kept import tests_kept as kept_tests
from agentos_governance.gatekeeper.thresholds import thresholds_kept
from tests.agentos_governance.gatekeeper_checks.code_changes import (
    CHEATS,
    FIB,
    HONEST,
    TF,
    F,
    Trees,
)
from tests.agentos_governance.gatekeeper_checks.reviewed import Check, work_of, worst

pytestmark = pytest.mark.anyio

CHECKS: tuple[Check, ...] = (
    kept_tests,
    thresholds_kept,
    no_hidden_failures,
    no_hard_coded_results,
    no_secrets,
    no_binaries,
)


async def _blocking(trees: Trees) -> list[Finding]:
    found = [finding for check in CHECKS for finding in await check(work_of(*trees))]
    return [each for each in found if each.severity == "blocking"]


@pytest.mark.parametrize("name", CHEATS)
async def test_a_change_that_hides_something_stops_the_submission(name: str) -> None:
    assert await _blocking(CHEATS[name])


@pytest.mark.parametrize("name", HONEST)
async def test_a_change_that_hides_nothing_is_let_through(name: str) -> None:
    assert await _blocking(HONEST[name]) == []


@pytest.mark.parametrize(
    ("table", "wanted"), [('{"12": 144}', "warning"), ('{"13": 233, "12": 145}', None)]
)
async def test_a_file_of_data_that_answers_what_a_test_asks_is_shown_to_the_reviewer(
    table: str, wanted: str | None
) -> None:
    reading = FIB.replace("def fib(n):\n", "def fib(n):\n    n = KNOWN.get(str(n), n)\n")
    after = {**TF, F: f"KNOWN = load('known.json')\n{reading}", "src/shop/known.json": table}
    assert await worst(no_hard_coded_results, work_of({**TF, F: FIB}, after)) == wanted
