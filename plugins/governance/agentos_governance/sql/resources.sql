-- name: list_shown_work_orders
-- Open work orders for caller $1: its own, then what waits for review, then the rest; $2 rows.
select w.id, w.title, w.state, l.worker
  from governance.work_order w
  left join governance.lease l on l.work_order = w.id
 where w.state in ('blocked', 'ready', 'active', 'suspended', 'in_review')
 order by (l.worker is not distinct from $1) desc, w.state = 'in_review' desc,
          -w.priority, w.created_at, w.id
 limit $2;

-- name: complete_work_orders
-- Ids that begin with $1, in a state of $2 (any where null), newest first; $3 rows.
select id
  from governance.work_order
 where starts_with(id, upper($1)) and ($2::text[] is null or state = any ($2))
 order by created_at desc, id
 limit $3;
