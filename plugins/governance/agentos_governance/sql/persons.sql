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
