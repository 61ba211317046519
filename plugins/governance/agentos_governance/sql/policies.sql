-- name: take_limits
-- Use every limit once for call $2 of stream $1 at $3: sorted keys $4, most uses $5, windows in
-- seconds $6 (0: none). The ordinal of the first full limit, whose transaction must not be
-- committed, or null.
select governance.take_limits($1, $2, $3, $4::text[], $5::bigint[], $6::int[]);

-- name: list_epochs
-- The current claim of each of the work orders $1.
select id, epoch from governance.work_order where id = any ($1::text[]);

-- name: count_history
-- How often each tool was admitted in stream $1 since each moment $2 (-1 its beginning, -2 its last
-- claim, else seconds before $3), without call $4.
with claim as (
    select coalesce(max(seq), 0) as seq from kernel.event
     where stream = $1 and type = 'work_order.claimed'
)
select m.ordinal::int as moment, e.type, coalesce(e.data ->> 'tool', e.data #>> '{action,tool}') as tool,
       e.data -> 'capabilities' as capabilities, e.data #>> '{action,capability}' as capability,
       count(*) as n_calls
  from claim c
  join kernel.event e
    on e.stream = $1 and e.data ->> 'call' is distinct from $4
   and (e.type = 'call.allowed' or e.type = 'action.judged' and e.data ->> 'verdict' = 'allow')
  join unnest($2::int[]) with ordinality m (since_s, ordinal)
    on m.since_s = -1
    or m.since_s = -2 and e.seq > c.seq
    or m.since_s >= 0 and e.at > $3::timestamptz - make_interval(secs => m.since_s)
 group by 1, 2, 3, 4, 5;

-- name: list_decided_calls
-- Admitted, refused and judged calls, and claims, in order of position after $1; of stream $2 where
-- not null; at most $3.
select position, stream, seq, type, actor, at, data
  from kernel.event
 where position > $1
   and type in ('call.allowed', 'call.refused', 'action.judged', 'work_order.claimed')
   and ($2::text is null or stream = $2)
 order by position
 limit $3;

-- name: find_decided_call
-- What was decided about call $1, the judged action last.
select position, stream, seq, type, actor, at, data
  from kernel.event
 where data ? 'call' and data ->> 'call' = $1
   and type in ('call.allowed', 'call.refused', 'action.judged')
 order by position desc
 limit 2;

-- name: show_orders
-- What facts say of the work orders $1.
select w.id, w.phase, w.repo, w.branch, w.contract_version, w.workspace,
       (w.contract ->> 'cost_budget_usd')::numeric as budget_usd
  from governance.work_order w where w.id = any ($1::text[]);

-- name: count_refusals
-- Calls and actions of worker $2 that were refused in stream $1.
select count(*) from kernel.event
 where stream = $1 and actor = $2
   and (type = 'call.refused' or type = 'action.judged' and data ->> 'verdict' <> 'allow');

-- name: list_spending
-- What work order $1 paid, oldest first.
select recorded_at, usd from governance.ledger where work_order = $1 order by recorded_at;
