-- name: find_lost_lease
-- The work order under whose lease call $1 was made, or which it claimed, where worker $2 lost that
-- lease - it ran out or was taken over - and does not hold the work order again at $3. A lease that
-- the worker ended itself was not lost.
with made as (
    select stream, min(seq) as seq
      from kernel.event
     where data ->> 'call' = $1 and data ? 'call' and stream like 'work\_order/%'
     group by stream order by stream limit 1
)
select substr(m.stream, length('work_order/') + 1) as work_order
  from made m
 where $2 = (select e.actor from kernel.event e
              where e.stream = m.stream and e.type = 'work_order.claimed' and e.seq < m.seq
              order by e.seq desc limit 1)
   and not exists (select 1 from governance.lease l
                    where 'work_order/' || l.work_order = m.stream
                      and l.worker = $2 and l.expires_at > $3)
   and coalesce((select e.type from kernel.event e
                  where e.stream = m.stream and e.seq > m.seq
                    and e.type in ('work_order.lease_expired', 'work_order.taken_over',
                                   'work_order.stood_down', 'work_order.submitted',
                                   'work_order.completed', 'work_order.failed',
                                   'work_order.cancelled')
                  order by e.seq limit 1), 'work_order.lease_expired')
       in ('work_order.lease_expired', 'work_order.taken_over');
