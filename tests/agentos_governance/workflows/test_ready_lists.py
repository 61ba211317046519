"""Issue 3: ready lists and claims by role walk an index at 10,000 orders, and are what they say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentos import Settings
from agentos_governance.orders import FIRST_PAGE, find_claimable, sql
from tests.agentos_governance.lifecycle import open_office
from tests.agentos_governance.workflows.many_orders import fill

pytestmark = pytest.mark.anyio

EXPECTED = """
select w.id from governance.work_order w left join governance.lease l on l.work_order = w.id
 where (w.state in ('ready', 'suspended')
        or (w.state = 'active' and (l.expires_at is null or l.expires_at <= $1)))
   and ($2::text is null or w.role = $2) and ($3::text is null or w.phase = $3)
 order by w.priority desc, w.created_at, w.id
"""


def _scans(plan: dict[str, Any]) -> list[tuple[str, str]]:
    """Index or kind of every scan of work orders in a plan."""
    found = []
    if plan.get("Relation Name") == "work_order":
        found.append((plan["Node Type"], plan.get("Index Name", "")))
    for inner in plan.get("Plans", ()):
        found += _scans(inner)
    return found


async def test_ready_lists_and_claims_walk_an_index_whatever_the_plan(settings: Settings) -> None:
    async with open_office(settings) as office:
        await fill(office.kernel.database)
        page: tuple[Any, ...] = (office.clock.now(), None, None, *FIRST_PAGE, [], 51)
        async with office.kernel.database.connection() as connection:
            for mode in ("force_custom_plan", "force_generic_plan"):
                await connection.execute(f"set plan_cache_mode = {mode}")
                for statement, arguments, index in (
                    (sql.find_claimable, page, "work_order_claimable"),
                    (sql.find_claimable_of_role, (*page, "role8"), "work_order_claimable_by_role"),
                ):
                    text = await connection.fetchval(
                        f"explain (format json) {statement}", *arguments
                    )
                    scans = _scans(json.loads(text)[0]["Plan"])
                    assert ("Index Scan", index) in scans, (mode, scans)
                    assert "Seq Scan" not in [kind for kind, _ in scans], (mode, scans)
            await connection.execute("reset plan_cache_mode")


async def test_pages_of_ready_orders_together_are_all_of_them_in_order(settings: Settings) -> None:
    async with open_office(settings) as office:
        reader, now = office.kernel.database, office.clock.now()
        await fill(reader, 1_000)
        async with reader.connection() as connection:
            # Some leases ran out, and some were lost.
            await connection.execute(
                "update governance.lease set expires_at = '2026-01-01' where work_order like '%55'"
            )
            await connection.execute("delete from governance.lease where work_order like '%75'")
        for role, phase in ((None, None), ("role8", None), (None, "phase 1"), ("role15", None)):
            expected = [row["id"] for row in await reader.fetch(EXPECTED, now, role, phase)]
            assert expected
            assert await find_claimable(reader, now, 2_000, role=role, phase=phase) == expected
        expected = [row["id"] for row in await reader.fetch(EXPECTED, now, None, None)]
        found: list[str] = []
        cursor = None
        while True:
            page = await office.call(
                "planner", "list_work_orders", ready_only=True, limit=60, cursor=cursor
            )
            found += [order["id"] for order in page["work_orders"]]
            cursor = page["next_cursor"]
            if not page["truncated"]:
                break
        assert found == expected


async def test_claims_by_role_take_the_best_of_ten_thousand_in_order(settings: Settings) -> None:
    async with open_office(settings) as office:
        reader = office.kernel.database
        await fill(reader)
        expected = await find_claimable(reader, office.clock.now(), 3, role="role8")
        claimed = [
            (await office.call(who, "claim_work_order", role="role8"))["work_order"]["id"]
            for who in ("w1", "w2", "w3")
        ]
        assert claimed == expected
        assert await office.code("w1", "claim_work_order", role="role10") == "not_found"
