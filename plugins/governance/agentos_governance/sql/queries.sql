-- name: get_work_order
-- Work order $1 with its lease and money.
select w.*, l.worker as lease_worker, l.epoch as lease_epoch, l.ttl_s, l.expires_at,
       b.cap_usd, b.held_usd, b.spent_usd
  from governance.work_order w
  left join governance.lease l on l.work_order = w.id
  left join governance.budget b on b.work_order = w.id
 where w.id = $1;

-- name: lock_work_order
-- Lock work order $1 until the end of the transaction. Read it in a statement of its own: what is
-- joined to a row that was waited for is still as it was before the wait.
select id from governance.work_order where id = $1 for no key update;

-- name: list_work_orders
-- $1 state, $2 role, $3 phase (any where null); after ($4 -priority, $5 time, $6 id); $7 rows.
select w.id, w.title, w.objective, w.state, w.phase, w.role, w.priority, w.repo, w.parent,
       w.contract_version, w.created_by, w.created_at, w.packet_sha256,
       l.worker as lease_worker, l.epoch as lease_epoch, l.ttl_s, l.expires_at,
       b.cap_usd, b.held_usd, b.spent_usd,
       array(select d.depends_on from governance.dependency d
              where d.work_order = w.id order by d.depends_on) as depends_on
  from governance.work_order w
  left join governance.lease l on l.work_order = w.id
  left join governance.budget b on b.work_order = w.id
 where ($1::text is null or w.state = $1)
   and ($2::text is null or w.role = $2)
   and ($3::text is null or w.phase = $3)
   and (-w.priority, w.created_at, w.id) > ($4::int, $5::timestamptz, $6::text)
 order by -w.priority, w.created_at, w.id
 limit $7;

-- name: show_work_orders
-- The work orders $1 as lists show them, in the order of lists.
select w.id, w.title, w.objective, w.state, w.phase, w.role, w.priority, w.repo, w.parent,
       w.contract_version, w.created_by, w.created_at, w.packet_sha256,
       l.worker as lease_worker, l.epoch as lease_epoch, l.ttl_s, l.expires_at,
       b.cap_usd, b.held_usd, b.spent_usd,
       array(select d.depends_on from governance.dependency d
              where d.work_order = w.id order by d.depends_on) as depends_on
  from governance.work_order w
  left join governance.lease l on l.work_order = w.id
  left join governance.budget b on b.work_order = w.id
 where w.id = any ($1::text[])
 order by -w.priority, w.created_at, w.id;

-- name: find_claimable
-- Claimable at $1, best first: ready or left by another, or active with a lease that ran out (late)
-- or was lost (found as a set: one look at a lease for every active one would take longer than all
-- the rest). $2 state, $3 phase (any where null); after ($4 -priority, $5 time, $6 id); without
-- $7; $8 rows.
with free as (
    select w.id, w.priority, w.created_at
      from governance.work_order w
     where w.state in ('ready', 'suspended')
       and ($2::text is null or w.state = $2)
       and ($3::text is null or w.phase = $3)
       and (-w.priority, w.created_at, w.id) > ($4::int, $5::timestamptz, $6::text)
       and w.id <> all ($7::text[])
     order by -w.priority, w.created_at, w.id
     limit $8
), late as (
    select w.id, w.priority, w.created_at
      from governance.lease l join governance.work_order w on w.id = l.work_order
     where l.expires_at <= $1 and w.state = 'active'
       and ($2::text is null or w.state = $2)
       and ($3::text is null or w.phase = $3)
       and (-w.priority, w.created_at, w.id) > ($4::int, $5::timestamptz, $6::text)
       and w.id <> all ($7::text[])
     order by -w.priority, w.created_at, w.id
     limit $8
), lost as (
    select w.id, w.priority, w.created_at
      from governance.work_order w
     where w.id = any (array(select a.id from governance.work_order a where a.state = 'active'
                             except select l.work_order from governance.lease l))
       and ($2::text is null or w.state = $2)
       and ($3::text is null or w.phase = $3)
       and (-w.priority, w.created_at, w.id) > ($4::int, $5::timestamptz, $6::text)
       and w.id <> all ($7::text[])
     order by -w.priority, w.created_at, w.id
     limit $8
)
select id
  from (table free union all table late union all table lost) found
 order by -priority, created_at, id
 limit $8;

-- name: find_claimable_of_role
-- The same for role $9: a statement of its own, so that its plan walks the index by role.
with free as (
    select w.id, w.priority, w.created_at
      from governance.work_order w
     where w.state in ('ready', 'suspended') and w.role = $9
       and ($2::text is null or w.state = $2)
       and ($3::text is null or w.phase = $3)
       and (-w.priority, w.created_at, w.id) > ($4::int, $5::timestamptz, $6::text)
       and w.id <> all ($7::text[])
     order by -w.priority, w.created_at, w.id
     limit $8
), late as (
    select w.id, w.priority, w.created_at
      from governance.lease l join governance.work_order w on w.id = l.work_order
     where l.expires_at <= $1 and w.state = 'active' and w.role = $9
       and ($2::text is null or w.state = $2)
       and ($3::text is null or w.phase = $3)
       and (-w.priority, w.created_at, w.id) > ($4::int, $5::timestamptz, $6::text)
       and w.id <> all ($7::text[])
     order by -w.priority, w.created_at, w.id
     limit $8
), lost as (
    select w.id, w.priority, w.created_at
      from governance.work_order w
     where w.id = any (array(select a.id from governance.work_order a where a.state = 'active'
                             except select l.work_order from governance.lease l))
       and w.role = $9
       and ($2::text is null or w.state = $2)
       and ($3::text is null or w.phase = $3)
       and (-w.priority, w.created_at, w.id) > ($4::int, $5::timestamptz, $6::text)
       and w.id <> all ($7::text[])
     order by -w.priority, w.created_at, w.id
     limit $8
)
select id
  from (table free union all table late union all table lost) found
 order by -priority, created_at, id
 limit $8;

-- name: lock_work_graph
-- One maker at a time of work orders that have both a parent and dependencies.
select pg_advisory_xact_lock(hashtextextended('governance.work_graph', 0));

-- name: find_waiting_for
-- Those of the work orders $2 that wait for $1, or are it: by a dependency, or as a parent by a child.
with recursive waiting (id) as (
    select $1::text
     union
    select w.id
      from waiting x
     cross join lateral (
        select d.work_order as id from governance.dependency d where d.depends_on = x.id
         union all
        select c.parent from governance.work_order c where c.id = x.id and c.parent is not null
     ) w
)
select id from waiting where id = any ($2::text[]) order by id limit 1;

-- name: list_open_children
-- Up to ten open work orders whose parent is $1.
select id from governance.work_order
 where parent = $1 and state not in ('completed', 'failed', 'cancelled')
 order by created_at, id limit 10;

-- name: lock_open_descendants
-- Lock every open work order below $1, oldest first; below an ended one there are none.
with recursive below (id) as (
    select c.id from governance.work_order c
     where c.parent = $1 and c.state not in ('completed', 'failed', 'cancelled')
     union
    select c.id from below b join governance.work_order c on c.parent = b.id
     where c.state not in ('completed', 'failed', 'cancelled')
)
select w.id from governance.work_order w join below b on b.id = w.id
 order by w.created_at, w.id
   for no key update of w;

-- name: still_open
-- Those of the work orders $1 that are open, oldest first.
select id from governance.work_order
 where id = any ($1::text[]) and state not in ('completed', 'failed', 'cancelled')
 order by created_at, id;

-- name: find_held_orders
-- Up to two work orders whose lease worker $1 holds, living at $3 before expired; $2 names one, or null.
select w.id, w.state, w.contract, w.contract_version, w.workspace, w.repo, w.parent,
       w.first_claimed_at, w.phase, w.branch, w.base_commit, l.epoch, l.ttl_s, l.expires_at
  from governance.lease l
  join governance.work_order w on w.id = l.work_order
 where l.worker = $1 and w.state = 'active' and ($2::text is null or w.id = $2)
 order by l.expires_at > $3 desc, w.id
 limit 2;

-- name: find_submitted_order
-- Work order $1, where it is in review as the last claim, of worker $2, submitted it. No lease: it
-- ended with the submission, and the fence asks for the same again.
select w.id, w.state, w.contract, w.contract_version, w.workspace, w.repo, w.parent,
       w.first_claimed_at, w.phase, w.branch, w.base_commit, w.epoch,
       timestamptz '9999-12-31 00:00Z' as expires_at
  from governance.work_order w join governance.claim c on c.work_order = w.id and c.epoch = w.epoch
 where w.id = $1 and w.state = 'in_review' and c.worker = $2;

-- name: lock_submitted_order
-- The same, locked, where worker $2 submitted it in epoch $3.
select w.id
  from governance.work_order w join governance.claim c on c.work_order = w.id and c.epoch = w.epoch
 where w.id = $1 and w.state = 'in_review' and c.worker = $2 and w.epoch = $3
   for no key update of w;

-- name: find_holder
-- Who holds work order $1, and where it lies; no row: nobody does.
select l.worker, w.workspace, w.repo
  from governance.lease l join governance.work_order w on w.id = l.work_order
 where l.work_order = $1 and w.state = 'active';

-- name: list_held_orders
-- Every work order that somebody holds.
select work_order from governance.lease order by work_order;

-- name: put_lease
-- Work order $1 belongs to worker $2 in epoch $3 for $4 seconds from $5.
insert into governance.lease (work_order, worker, epoch, ttl_s, expires_at)
values ($1, $2, $3, $4::int, $5::timestamptz + make_interval(secs => $4::int))
on conflict (work_order) do update
   set worker = excluded.worker, epoch = excluded.epoch, ttl_s = excluded.ttl_s,
       expires_at = excluded.expires_at;

-- name: renew_lease
-- Extend the lease of worker $2 in epoch $3 from $4 on; no row: it was lost.
update governance.lease
   set expires_at = $4::timestamptz + make_interval(secs => ttl_s)
 where work_order = $1 and worker = $2 and epoch = $3 and expires_at > $4
returning work_order, epoch, ttl_s, expires_at;

-- name: drop_lease
-- Nobody holds work order $1.
delete from governance.lease where work_order = $1;

-- name: find_expired_leases
-- Up to 100 active work orders whose lease ended at or before $1; not $2.
select w.id, w.epoch
  from governance.work_order w
  left join governance.lease l on l.work_order = w.id
 where w.state = 'active' and (l.expires_at is null or l.expires_at <= $1)
   and w.id <> all ($2::text[])
 order by w.id
 limit 100;

-- name: list_dependencies
-- What each of the work orders $1 waits on.
select work_order, array_agg(depends_on order by depends_on) as depends_on
  from governance.dependency where work_order = any ($1::text[]) group by work_order;

-- name: lock_dependencies
-- States of the work orders $1; held so that none completes unseen. Oldest first, as everywhere:
-- whoever completes one locks it before what waits for it.
select id, state from governance.work_order where id = any ($1::text[])
 order by created_at, id for share;

-- name: lock_dependents
-- Lock what waits on $1: two dependencies that complete at once must see each other.
select w.id
  from governance.dependency d join governance.work_order w on w.id = d.work_order
 where d.depends_on = $1 and w.state = 'blocked'
 order by w.created_at, w.id
   for no key update of w;

-- name: find_unblocked
-- Blocked work orders that waited on $1 only.
select w.id
  from governance.dependency d
  join governance.work_order w on w.id = d.work_order and w.state = 'blocked'
 where d.depends_on = $1
   and not exists (select 1 from governance.dependency o
                     join governance.work_order x on x.id = o.depends_on
                    where o.work_order = w.id and x.state <> 'completed' and x.id <> $1)
 order by w.id;

-- name: list_claims
-- Every worker who ever held work order $1.
select epoch, worker, person, claimed_at from governance.claim where work_order = $1 order by epoch;

-- name: list_evidence
-- Evidence of work order $1 in the order it was recorded; the newest $2, or all where null.
select * from (
    select id, kind, claim, path, start_line, end_line, sha256, level, worker, created_at,
           event_hash, facts, batch, seq
      from governance.evidence where work_order = $1 order by seq desc limit $2::int) newest
 order by seq;

-- name: count_evidence
-- How many pieces of evidence work order $1 has.
select count(*) from governance.evidence where work_order = $1;

-- name: list_votes
-- Votes on work order $1, or on its packet $2; the newest $3, or all where null.
select packet_sha256, voter, reviewer, person, is_human, verdict, reason, findings, voted_at,
       carried_from, override_reason
  from (select * from governance.vote
         where work_order = $1 and ($2::text is null or packet_sha256 = $2)
         order by voted_at desc, voter desc limit $3::int) newest
 order by voted_at, voter;

-- name: count_votes
-- How many votes work order $1 has, and how many findings they hold.
select count(*) as n_votes, coalesce(sum(jsonb_array_length(findings)), 0)::bigint as n_findings
  from governance.vote where work_order = $1;

-- name: create_budget
-- Work order $1 may spend $2 USD.
insert into governance.budget (work_order, cap_usd) values ($1, $2::text::numeric);

-- name: get_budget
-- Money of work order $1.
select cap_usd, held_usd, spent_usd from governance.budget where work_order = $1;

-- name: find_ledger_entry
-- The entry of request $2 on work order $1.
select phase, role, model, action, worker, input_tokens, output_tokens, cached_input_tokens,
       usd::text as usd, price_version, recorded_at
  from governance.ledger where work_order = $1 and request_id = $2;

-- name: sum_tokens
-- Tokens booked on work order $1.
select coalesce(sum(input_tokens + output_tokens), 0)::bigint
  from governance.ledger where work_order = $1;

-- name: cost_rows
-- Costs grouped by the columns that $1 names; $2 work order, $3 since, $4 until.
select case when 'work_order' = any ($1::text[]) then work_order end as work_order,
       case when 'phase' = any ($1::text[]) then phase end as phase,
       case when 'role' = any ($1::text[]) then role end as role,
       case when 'model' = any ($1::text[]) then model end as model,
       case when 'action' = any ($1::text[]) then action end as action,
       sum(usd) as usd, sum(input_tokens)::bigint as input_tokens,
       sum(output_tokens)::bigint as output_tokens, count(*) as n_calls
  from governance.ledger
 where ($2::text is null or work_order = $2)
   and ($3::timestamptz is null or recorded_at >= $3)
   and ($4::timestamptz is null or recorded_at < $4)
 group by 1, 2, 3, 4, 5
 order by usd desc, 1, 2, 3, 4, 5
 limit 1000;

-- name: history_length
-- How many events the stream $1 has.
select coalesce(max(seq), 0) from kernel.event where stream = $1;

-- name: read_history
-- Events of the work order's stream $1 other than the records of single calls, oldest first.
select position, stream, seq, type, actor, at, data, prev_hash, hash
  from kernel.event
 where stream = $1 and type not like 'call.%' and type <> 'action.judged'
 order by seq;

-- name: read_resume_events
-- What a resume packet is made of: the events of stream $1, of single calls only those that an ended
-- attempt made. Neither the calls of a running attempt, nor what comes late from an ended one, nor
-- reminders of a review change the packet.
with attempt as (
    select max(seq) filter (where type = 'work_order.claimed') as claimed,
           max(seq) filter (where type in ('work_order.lease_expired', 'work_order.stood_down',
                                           'work_order.taken_over', 'work_order.submitted',
                                           'work_order.failed', 'work_order.cancelled')) as ended
      from kernel.event where stream = $1
)
select e.position, e.stream, e.seq, e.type, e.actor, e.at, e.data, e.prev_hash, e.hash
  from kernel.event e, attempt a
 where e.stream = $1 and e.type <> 'action.judged' and e.type not like 'review.%'
   and (e.type not like 'call.%' or e.seq < a.claimed or (a.claimed < a.ended and e.seq < a.ended))
 order by e.seq;

-- name: list_calls
-- The records of calls in stream $1 of type $2, newest first; $3 rows.
select seq, type, actor, at, data
  from kernel.event
 where stream = $1 and type = $2
 order by seq desc
 limit $3;

-- name: list_refusals
-- Calls in stream $1 that a rule refused, before or inside their body, newest first; $2 rows.
select seq, type, actor, at, data
  from kernel.event
 where stream = $1
   and (type = 'call.refused' or type = 'call.finished' and data -> 'error' ? 'rule')
 order by seq desc
 limit $2;

-- name: count_calls
-- How many calls in stream $1 were admitted, and how many a rule refused.
select count(*) filter (where type = 'call.allowed') as n_allowed,
       count(*) filter (where type = 'call.refused'
                           or type = 'call.finished' and data -> 'error' ? 'rule') as n_refused
  from kernel.event
 where stream = $1 and type in ('call.allowed', 'call.refused', 'call.finished');

-- name: lock_lease
-- Work order $1 and its lease, locked in this order, where worker $2 holds epoch $3 after $4.
select w.id, w.state
  from governance.work_order w
  join governance.lease l on l.work_order = w.id
 where w.id = $1 and w.state = 'active' and l.worker = $2 and l.epoch = $3 and l.expires_at > $4
   for no key update of w, l;

-- name: get_evidence
-- One evidence row by its id $1.
select id, kind, claim, path, start_line, end_line, sha256, level, worker, created_at, event_hash,
       facts, batch
  from governance.evidence where id = $1;

-- name: find_ended_with_packet
-- The 200 work orders that ended last and have a packet, with the hash of the event that ended them.
select w.id, e.hash as ended_hash
  from governance.work_order w
  join kernel.event e on e.stream = 'work_order/' || w.id
   and e.type in ('work_order.completed', 'work_order.failed')
 where w.state in ('completed', 'failed') and w.packet_sha256 is not null
 order by w.ended_at desc limit 200;
