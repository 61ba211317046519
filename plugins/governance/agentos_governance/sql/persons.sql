-- name: list_persons_behind
-- The persons to whom any token, revoked and expired ones included, binds one of the names $1.
select distinct person from kernel.token where worker = any ($1::text[]) and person is not null;

-- name: list_workers_behind
-- Who ever held work order $1, or one above it: who delegates answers for what comes of it.
with recursive line (id) as (
    select $1::text
     union
    select w.parent from line l join governance.work_order w on w.id = l.id
     where w.parent is not null
)
select distinct c.worker, c.person from governance.claim c join line l on l.id = c.work_order;

-- name: list_planners_behind
-- Who made work order $1, or one above it, or wrote a version of its contract.
with recursive line (id) as (
    select $1::text
     union
    select w.parent from line l join governance.work_order w on w.id = l.id
     where w.parent is not null
)
select w.created_by as planner from governance.work_order w join line l on l.id = w.id
 union
select v.created_by from governance.contract_version v join line l on l.id = v.work_order;

-- name: list_workers_apart
-- Who ever held one of the work orders that work order $1, or one above it, is kept apart from, or
-- one below those: what is delegated is part of the work.
with recursive line (id, parent, not_by_orders) as (
    select w.id, w.parent, w.not_by_orders from governance.work_order w where w.id = $1::text
     union
    select w.id, w.parent, w.not_by_orders
      from line l join governance.work_order w on w.id = l.parent
), apart (id) as (
    select unnest(l.not_by_orders) from line l
     union
    select w.id from apart a join governance.work_order w on w.parent = a.id
)
select distinct c.worker, c.person from governance.claim c join apart a on a.id = c.work_order;
