"""Work orders for tests that need rows and no kernel."""

from __future__ import annotations

# Straight into the table: what the creation of a work order else does is not looked at here.
INSERT_ORDER = """
insert into governance.work_order (id, title, objective, phase, role, priority, parent, contract,
       contract_version, created_by, created_at, state)
values ($1, 't', 'o', 'p', 'r', 0, $2, '{}', 'v', 'me', $3, 'ready')
"""
