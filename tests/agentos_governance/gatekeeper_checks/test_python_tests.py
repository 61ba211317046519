"""Every way in which a Python test loses something is found, and no honest change is (issue 6)."""

from __future__ import annotations

import pytest

from agentos_governance.gatekeeper.checks.tests_kept.tests_kept import tests_kept as kept_tests
from agentos_governance.gatekeeper.checks.thresholds.thresholds_kept import thresholds_kept
from tests.agentos_governance.gatekeeper_checks.python_changes import BASE, CHEATS, HONEST
from tests.agentos_governance.gatekeeper_checks.reviewed import work_of, worst

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", CHEATS)
async def test_a_test_that_loses_something_stops_the_submission(name: str) -> None:
    work = work_of(BASE, CHEATS[name])
    found = [*await kept_tests(work), *await thresholds_kept(work)]
    assert "blocking" in [each.severity for each in found]


@pytest.mark.parametrize("name", HONEST)
async def test_a_test_that_loses_nothing_is_let_through(name: str) -> None:
    found = await kept_tests(work_of(BASE, HONEST[name]))
    assert [each for each in found if each.severity == "blocking"] == []


async def test_a_file_of_tests_that_moves_out_of_what_is_collected_is_found() -> None:
    path, other = "tests/test_price.py", "tests/price_checks.py"
    after = {**{name: text for name, text in BASE.items() if name != path}, other: BASE[path]}
    work = work_of(BASE, after, renamed={path: other})
    assert await worst(kept_tests, work) == "blocking"


async def test_a_changed_expectation_is_let_through_where_a_claim_or_the_order_names_it() -> None:
    after = {**BASE, "tests/test_price.py": BASE["tests/test_price.py"].replace("== 25", "== 30")}
    assert await worst(kept_tests, work_of(BASE, after)) == "blocking"
    asked = work_of(BASE, after, objective="A discount is 0 from now on: 30 in that test")
    assert await worst(kept_tests, asked) == "warning"
    against = work_of(BASE, after, objective="Mend total: the discount test must give 25")
    assert await worst(kept_tests, against) == "blocking"
