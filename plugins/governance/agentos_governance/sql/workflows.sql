-- name: upsert_workflow
-- $1 id, $2 definition, $3 version, $4 status, $5 state, $6 work order, $7 has a step, $8 seen seq,
-- $9 transitions, $10 checkpoint, $11 its digest, $12 starter, $13 time.
insert into governance.workflow as w (id, definition, version, status, state, work_order, has_step,
       seen_seq, n_transitions, checkpoint, checkpoint_sha256, started_by, started_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
on conflict (id) do update
   set status = excluded.status, state = excluded.state, work_order = excluded.work_order,
       has_step = excluded.has_step, seen_seq = excluded.seen_seq,
       n_transitions = excluded.n_transitions, checkpoint = excluded.checkpoint,
       checkpoint_sha256 = excluded.checkpoint_sha256, updated_at = excluded.updated_at;

-- name: insert_workflow_definition
-- $1 version, $2 name, $3 document, $4 time; the same content is there once.
insert into governance.workflow_definition (version, name, document, first_used)
values ($1, $2, $3, $4) on conflict (version) do nothing;

-- name: insert_workflow_order
-- $1 work order, $2 workflow, $3 state, $4 visit, $5 purpose, $6 sequence number of the event.
insert into governance.workflow_order (work_order, workflow, state, visit, purpose, seq)
values ($1, $2, $3, $4, $5, $6);

-- name: get_workflow
-- Instance $1; whoever moves it holds the lock of its root work order.
select id, definition, version, status, state, checkpoint, checkpoint_sha256, started_by,
       started_at, updated_at
  from governance.workflow where id = $1;

-- name: get_definition
-- The document of version $1.
select document from governance.workflow_definition where version = $1;

-- name: list_used_definitions
-- Versions that instances began with, oldest first.
select d.version, d.name, d.first_used, count(w.id) as n_instances,
       count(w.id) filter (where w.status not in ('completed', 'rolled_back')) as n_open
  from governance.workflow_definition d
  left join governance.workflow w on w.version = d.version
 group by d.version order by d.name, d.first_used, d.version;

-- name: find_workflow_of
-- The instance that work order $1 belongs to, or is the root of.
select workflow from governance.workflow_order where work_order = $1
 union all
select id from governance.workflow where id = $1
 limit 1;

-- name: is_workflow
-- Whether work order $1 is the root of an instance.
select exists (select from governance.workflow where id = $1);

-- name: find_due
-- Up to 100 instances with something to do: a step of the server's own, or an outcome that nobody has
-- looked at; not $1.
select w.id
  from governance.workflow w
  left join governance.work_order o on o.id = w.work_order
 where w.status in ('running', 'compensating')
   and w.id <> all ($1::text[])
   and ((w.has_step and w.work_order is null)
        or o.state in ('completed', 'failed', 'cancelled')
        or (o.packet_sha256 is not null and exists (
               select from kernel.event e
                where e.stream = 'work_order/' || w.work_order and e.seq > w.seen_seq
                  and e.type = 'work_order.changes_requested')))
 order by w.id
 limit 100;

-- name: find_outcome
-- The first event of stream $1 after sequence number $2 that a transition may wait for.
select seq, type, data ->> 'reason' as reason
  from kernel.event
 where stream = $1 and seq > $2
   and type in ('work_order.completed', 'work_order.failed', 'work_order.cancelled',
                'work_order.changes_requested')
 order by seq limit 1;

-- name: sum_spent
-- What the work orders of instance $1 have cost.
select coalesce(sum(b.spent_usd), 0)
  from governance.workflow_order o join governance.budget b on b.work_order = o.work_order
 where o.workflow = $1;

-- name: list_workflows
-- Of status $1 (any where null), newest first, before ($2 time, $3 id); $4 rows.
select w.id, w.definition, w.version, w.status, w.state, w.n_transitions, w.started_by,
       w.started_at, w.updated_at, o.title
  from governance.workflow w join governance.work_order o on o.id = w.id
 where ($1::text is null or w.status = $1)
   and (w.started_at < $2 or (w.started_at = $2 and w.id > $3))
 order by w.started_at desc, w.id
 limit $4;

-- name: list_workflow_orders
-- The work orders of instance $1 in the order they were made.
select o.work_order, o.state, o.visit, o.purpose, w.state as order_state, w.title, w.role
  from governance.workflow_order o join governance.work_order w on w.id = o.work_order
 where o.workflow = $1 order by o.seq;

-- name: list_orders_of_states
-- The work orders that instance $1 made for the states $2, in the order they were made.
select work_order from governance.workflow_order
 where workflow = $1 and state = any ($2::text[]) order by seq;

-- name: read_workflow_events
-- The newest $2 events of stream $1, oldest first.
select seq, type, actor, at, data, hash
  from (select * from kernel.event where stream = $1 order by seq desc limit $2) newest
 order by seq;

-- name: try_step
-- Whether this session may take the server's own steps of instance $1 now; others leave it to us.
select pg_try_advisory_lock(hashtextextended('governance.workflow/' || $1, 0));

-- name: leave_step
-- Let others take the steps of instance $1.
select pg_advisory_unlock(hashtextextended('governance.workflow/' || $1, 0));

-- name: count_order_evidence
-- How many pieces of evidence work order $1 has.
select count(*) from governance.evidence where work_order = $1;
