"""Databases that were made before budgets had layers go on with the money they had."""

from __future__ import annotations

import importlib.resources
from decimal import Decimal
from pathlib import Path

import pytest

from agentos import Database, MigrationSet, Queries, Settings
from agentos.database.migrations import migrate
from tests.agentos_governance.cost.order_rows import INSERT_ORDER
from tests.agentos_governance.cost.spender import SpenderPlugin
from tests.agentos_governance.lifecycle import START, open_office

pytestmark = pytest.mark.anyio

_orders = Queries("agentos_governance")


async def _make_old_database(dsn: str, package: str) -> None:
    database = Database(dsn, pool_size=2)
    await database.open()
    await migrate(database, [MigrationSet("governance", package)])
    async with database.connection() as connection:
        orders = (
            ("WO-ROOT", None, "0"),
            ("WO-CHILD", "WO-ROOT", "0.3"),
            ("WO-LEAF", "WO-CHILD", "0.2"),
        )
        for order, parent, spent in orders:
            await connection.execute(INSERT_ORDER, order, parent, START)
            cap = "0.9" if parent else "0.55"
            await connection.execute(_orders.create_budget, order, cap)
            await connection.execute(
                "update governance.budget set spent_usd = $2::text::numeric where work_order = $1",
                order,
                spent,
            )
        await connection.execute(
            "insert into governance.hold values ('CA-OLD', 'WO-LEAF', 0.05, $1)", START
        )
        await connection.execute(
            "update governance.budget set held_usd = 0.05 where work_order = 'WO-LEAF'"
        )
    await database.close()


async def test_what_descendants_spent_before_counts_and_old_holds_settle(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "old_governance" / "migrations"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    for name in ("0001_create_work_orders.sql", "0002_create_leases_and_budgets.sql"):
        source = importlib.resources.files("agentos_governance") / "migrations" / name
        (folder / name).write_text(source.read_text("utf-8"), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    await _make_old_database(database_url, "old_governance")
    settings = Settings(
        home=tmp_path / "home", database_url=database_url, plugins=(), worker="local"
    )
    async with open_office(settings, plugin=SpenderPlugin()) as office:
        database = office.kernel.database
        rows = await database.fetch(
            "select subject, spent_usd from governance.allowance order by subject"
        )
        assert [tuple(row) for row in rows] == [
            ("WO-CHILD", Decimal("0.2")),
            ("WO-ROOT", Decimal("0.5")),
        ]
        over = await office.usage("planner", "WO-CHILD", "r1", cost_usd="0.11")
        assert "budget of WO-ROOT" in over.structured["error"]["message"]
        assert not (await office.usage("planner", "WO-CHILD", "r2", cost_usd="0.05")).is_error
        await office.expire(1)
        cost = (await office.call("planner", "get_work_order", work_order="WO-LEAF"))["cost"]
        assert cost["held_usd"] == "0"
