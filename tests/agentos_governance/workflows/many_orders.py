"""Ten thousand work orders, written straight into the tables: for plans and timings.

Above: the tests of lists and claims, `bench/ready_list.py`. Half is over, a tenth is active, the
rest is ready or blocked; roles and priorities are mixed.
"""

from __future__ import annotations

from agentos import Database

N_ORDERS = 10_000
N_ROLES = 20

FILL = """
insert into governance.work_order (id, title, objective, phase, role, priority, contract,
       contract_version, created_by, created_at, state, worker, epoch)
select 'WO-' || lpad(n::text, 8, '0'), 'Order ' || n, repeat('What is done. ', 20), 'phase ' || n % 3,
       'role' || n % $2::int, n % 7 - 3, $3::jsonb, 'sha256:0', 'planner',
       timestamptz '2026-01-01' + n * interval '1 second',
       case when n % 10 < 5 then 'completed' when n % 10 = 5 then 'active'
            when n % 10 = 6 then 'blocked' when n % 10 = 7 then 'suspended' else 'ready' end,
       case when n % 10 = 5 then 'worker' || n end, case when n % 10 in (5, 7) then 1 else 0 end
  from generate_series(1, $1::int) n
"""
BUDGETS = """
insert into governance.budget (work_order, cap_usd) select id, 1 from governance.work_order
"""
LEASES = """
insert into governance.lease (work_order, worker, epoch, ttl_s, expires_at)
select id, worker, 1, 60, timestamptz '2030-01-01' from governance.work_order where state = 'active'
"""
CONTRACT = {"allowed_tools": ["*"], "review": {"required": False}, "cost_budget_usd": "1"}


async def fill(database: Database, n_orders: int = N_ORDERS) -> None:
    """Make the work orders, with budgets and leases, and let PostgreSQL look at them."""
    async with database.connection() as connection:
        await connection.execute(FILL, n_orders, N_ROLES, CONTRACT)
        await connection.execute(BUDGETS)
        await connection.execute(LEASES)
        await connection.execute("analyze governance.work_order, governance.lease")
