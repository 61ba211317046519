-- name: list_ancestors
-- The parent of work order $1, its parent, and so on, nearest first; at most $2 of them.
with recursive line as (
    select p.id, p.parent, p.state, p.contract, p.contract_version, p.first_claimed_at,
           p.repo, p.base_commit, 1 as depth
      from governance.work_order c join governance.work_order p on p.id = c.parent
     where c.id = $1
    union all
    select p.id, p.parent, p.state, p.contract, p.contract_version, p.first_claimed_at,
           p.repo, p.base_commit, l.depth + 1
      from line l join governance.work_order p on p.id = l.parent
     where l.depth < $2::int
)
select id, state, contract, contract_version, first_claimed_at, repo, base_commit
  from line order by depth;

-- name: find_lost_order
-- The work order that worker $1 claimed last, where that attempt ended because its lease ran out.
select c.work_order
  from (select work_order, epoch from governance.claim
         where worker = $1 order by claimed_at desc, work_order, epoch desc limit 1) c
 where exists (select 1 from kernel.event e
                where e.stream = 'work_order/' || c.work_order
                  and e.type = 'work_order.lease_expired'
                  and (e.data ->> 'epoch')::bigint = c.epoch);

-- name: count_children
-- How many work orders were ever made directly below $1.
select count(*) from governance.work_order where parent = $1;
