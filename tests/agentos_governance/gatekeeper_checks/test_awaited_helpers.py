"""A coroutine that asserts does so only where somebody waits for it (issue 6)."""

from __future__ import annotations

import pytest

from agentos_governance.gatekeeper.checks.tests_kept.tests_kept import tests_kept as kept_tests
from tests.agentos_governance.gatekeeper_checks.reviewed import work_of, worst

pytestmark = pytest.mark.anyio

TESTS = "tests/test_store.py"
CHECKS = "tests/store_checks.py"
PRODUCT = {"src/shop/store.py": "async def save(order):\n    return order\n"}
HELPER = (
    "async def assert_saved(order):\n    assert await save(order) == order\n    assert order > 0\n"
)
HEAD = "import asyncio\n\nimport pytest\n\nfrom shop.store import save\n"
OWN = f"{HEAD}\n\n{HELPER}\n\nasync def test_saved():\n    await assert_saved(7)\n"
OTHERS = (
    f"{HEAD}from tests.store_checks import assert_saved\n\n\n"
    "async def test_saved():\n    await assert_saved(7)\n"
)
METHOD = (
    f"{HEAD}\n\nclass TestStore:\n    async def assert_saved(self, order):\n"
    "        assert await save(order) == order\n\n"
    "    async def test_saved(self):\n        await self.assert_saved(7)\n"
)
ELSEWHERE = f"from shop.store import save\n\n\n{HELPER}"
TOGETHER = (
    "    await assert_saved(7)",
    "    await asyncio.gather(assert_saved(7), assert_saved(8))",
)
AS_TASK = (
    "    await assert_saved(7)",
    "    task = asyncio.create_task(assert_saved(7))\n    await task",
)


@pytest.mark.parametrize("before", [OWN, OTHERS, METHOD])
async def test_a_helper_that_is_no_longer_waited_for_asserts_nothing(before: str) -> None:
    after = before.replace("test_saved", "test_stored").replace(" await assert_", " assert_")
    after = after.replace("await self.", "self.")
    tree = {**PRODUCT, CHECKS: ELSEWHERE}
    assert await worst(kept_tests, work_of({**tree, TESTS: before}, {**tree, TESTS: after})) == (
        "blocking"
    )


async def test_a_new_test_that_waits_for_no_helper_asserts_nothing() -> None:
    after = OWN + "\n\nasync def test_saved_twice():\n    assert_saved(7)\n    assert_saved(8)\n"
    work = work_of({**PRODUCT, TESTS: OWN}, {**PRODUCT, TESTS: after})
    assert await worst(kept_tests, work) == "blocking"


@pytest.mark.parametrize(("old", "new"), [TOGETHER, AS_TASK])
async def test_a_helper_may_be_waited_for_in_another_way(old: str, new: str) -> None:
    work = work_of({**PRODUCT, TESTS: OWN}, {**PRODUCT, TESTS: OWN.replace(old, new)})
    assert await worst(kept_tests, work) != "blocking"


async def test_nobody_needs_to_wait_for_a_helper_that_became_a_plain_function() -> None:
    plain = HELPER.replace("async def", "def").replace("await save(order)", "save(order)")
    before = {**PRODUCT, CHECKS: ELSEWHERE, TESTS: OTHERS}
    after = {**PRODUCT, CHECKS: f"from shop.store import save\n\n\n{plain}"}
    after[TESTS] = OTHERS.replace("await assert_saved", "assert_saved")
    assert await worst(kept_tests, work_of(before, after)) != "blocking"
    own = {**PRODUCT, TESTS: OWN.replace(HELPER, plain).replace("await assert_", "assert_")}
    assert await worst(kept_tests, work_of({**PRODUCT, TESTS: OWN}, own)) != "blocking"
