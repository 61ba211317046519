-- name: get_clock_fields
-- When review $1 is due; the version of its card.
select version, due_at, expires_at, snoozed_until, assigned_to
  from governance.review_clock where review = $1;

-- name: get_review_round
-- Round $1, and when it expires.
select r.*, c.expires_at
  from governance.review_round r left join governance.review_clock c on c.review = r.id
 where r.id = $1;

-- name: find_round_before
-- Digest of the packet of the round of work order $1 before number $2.
select packet_sha256 from governance.review_round
 where work_order = $1 and number < $2 order by number desc limit 1;

-- name: find_round_after
-- Id of the round of work order $1 that came after number $2.
select id from governance.review_round
 where work_order = $1 and number > $2 order by number limit 1;

-- name: find_submission
-- What was submitted in stream $1 as packet $2.
select data, at from kernel.event
 where stream = $1 and type = 'work_order.submitted' and data ->> 'packet_sha256' = $2
 order by seq desc limit 1;

-- name: list_workers
-- Whoever held work order $1, the last first: with the model that their usage names, if it does.
select c.worker, (array_agg(c.person order by c.epoch desc))[1] as person,
       (select l.model from governance.ledger l
         where l.work_order = $1 and l.worker = c.worker
         order by l.recorded_at desc limit 1) as model
  from governance.claim c where c.work_order = $1
 group by c.worker order by max(c.epoch) desc limit 20;

-- name: list_waiting
-- One page of what waits or has ended: kinds $1; $2 open, ended or any; $3 now; from after ($4 time,
-- $5 id); of worker $6, or of any; $7 rows. What waits comes oldest first, else the newest first.
with subject as (
    select r.id, 'work' as kind, w.title, r.work_order, r.state, r.packet_sha256 as sha256,
           w.worker, r.opened_at, r.ended_at, c.expires_at, r.n_blocking,
           coalesce(c.version, 1) as version, c.due_at, c.snoozed_until, c.assigned_to,
           r.decided_by is not null as is_decided, w.contract #> '{review,reviewers}' as reviewers,
           r.state = 'open' and coalesce(c.expires_at > $3, true) as is_open
      from governance.review_round r
      join governance.work_order w on w.id = r.work_order
      left join governance.review_clock c on c.review = r.id
     where 'work' = any ($1::text[]) and ($2 <> 'open' or r.state = 'open')
     union all
    select a.id, 'authorize_action', left(a.worker || ' wants to call ' || a.tool, 200), a.work_order,
           a.state, a.binding, a.worker, a.requested_at, coalesce(a.decided_at, a.ended_at),
           a.expires_at, 0, coalesce(c.version, 1), c.due_at, c.snoozed_until, c.assigned_to,
           a.decided_by is not null, null,
           a.state = 'pending' and a.expires_at > $3
               and coalesce(w.state not in ('completed', 'failed', 'cancelled'), true)
      from governance.approval a
      left join governance.work_order w on w.id = a.work_order
      left join governance.review_clock c on c.review = a.id
     where 'authorize_action' = any ($1::text[]) and ($2 <> 'open' or a.state = 'pending')
     union all
    select d.id, d.kind, d.title, d.work_order, d.state, d.sha256, d.worker, d.opened_at, d.ended_at,
           d.expires_at, 0, coalesce(c.version, 1), c.due_at, c.snoozed_until, c.assigned_to,
           d.decided_by is not null, null,
           d.state = 'open' and d.expires_at > $3
               and coalesce(w.state not in ('completed', 'failed', 'cancelled'), true)
      from governance.decision_request d
      left join governance.work_order w on w.id = d.work_order
      left join governance.review_clock c on c.review = d.id
     where d.kind = any ($1::text[]) and ($2 <> 'open' or d.state = 'open')
)
select * from subject
 where ($2 = 'any' or is_open = ($2 = 'open'))
   and ($6::text is null or worker = $6)
   and ($4::timestamptz is null
        or ($2 = 'open' and (opened_at, id) > ($4, $5::text))
        or ($2 <> 'open' and (opened_at, id) < ($4, $5::text)))
 order by case when $2 = 'open' then opened_at end, case when $2 = 'open' then id end,
          opened_at desc, id desc
 limit $7;

-- name: count_waiting
-- How many of each kind wait at $1.
select 'work' as kind, count(*) as n
  from governance.review_round r left join governance.review_clock c on c.review = r.id
 where r.state = 'open' and coalesce(c.expires_at > $1, true)
 union all
select 'authorize_action', count(*)
  from governance.approval a left join governance.work_order w on w.id = a.work_order
 where a.state = 'pending' and a.expires_at > $1
   and coalesce(w.state not in ('completed', 'failed', 'cancelled'), true)
 union all
select d.kind, count(*)
  from governance.decision_request d left join governance.work_order w on w.id = d.work_order
 where d.state = 'open' and d.expires_at > $1
   and coalesce(w.state not in ('completed', 'failed', 'cancelled'), true)
 group by d.kind;

-- name: list_parties
-- Who made or works on the work orders $1, as far as one page needs to know.
select work_order, worker as name, person from governance.claim where work_order = any ($1::text[])
 union
select id, created_by, null from governance.work_order where id = any ($1::text[]);

-- name: list_voters
-- The keys of those who voted on packets of the work orders $1.
select work_order, packet_sha256, voter from governance.vote where work_order = any ($1::text[]);

-- name: list_bound_persons
-- The person whom any token ever bound to each of the names $1.
select distinct worker as name, person from kernel.token
 where worker = any ($1::text[]) and person is not null;
