-- name: insert_approval
-- $1 id, $2 binding, $3 work order, $4 worker, $5 person, $6 tool, $7 arguments, $8 their digest,
-- $9 contract versions, $10 policy, $11 rule, $12 reason, $13 determining rules, $14 and $15 time.
insert into governance.approval (id, state, binding, work_order, worker, person, tool, arguments,
       arguments_sha256, contract_versions, policy_hash, rule, reason, determining, requested_at,
       expires_at)
values ($1, 'pending', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- name: set_decided
-- $1 id, $2 state, $3 who, $4 person, $5 time, $6 reason, $7 until when it holds, $8 end.
update governance.approval
   set state = $2, decided_by = $3, decided_person = $4, decided_at = $5, decision_reason = $6,
       expires_at = coalesce($7, expires_at), ended_at = $8
 where id = $1;

-- name: set_used
-- Approval $1 let call $2 through at $3.
update governance.approval set state = 'used', used_by_call = $2, ended_at = $3 where id = $1;

-- name: set_ended
-- Approval $1 ended in state $2 at $3.
update governance.approval set state = $2, ended_at = $3 where id = $1;

-- name: lock_binding
-- One asker at a time for binding $1, in all processes, until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('governance.approval/' || $1, 0));

-- name: find_by_binding
-- The newest approval for binding $1, locked.
select id, state, reason, expires_at, decided_by, decision_reason
  from governance.approval where binding = $1
 order by requested_at desc, (state in ('pending', 'approved')) desc, (state = 'rejected') desc limit 1
   for update;

-- name: count_pending
-- How many questions of worker $1 under work order $2 (or under none) wait.
select count(*) from governance.approval
 where state = 'pending' and worker = $1 and work_order is not distinct from $2;

-- name: get_review
-- Approval $1, with the state of its work order.
select a.*, w.state as work_order_state
  from governance.approval a left join governance.work_order w on w.id = a.work_order
 where a.id = $1;

-- name: lock_approval
-- The same, locked.
select a.*, w.state as work_order_state
  from governance.approval a left join governance.work_order w on w.id = a.work_order
 where a.id = $1
   for update of a;

-- name: list_reviews
-- Pending ones first, then the newest: in state $1, of work order $2, asked for by worker $3 (any where
-- null); after ($4 not pending, $5 time, $6 id); $7 rows.
select a.*
  from governance.approval a
 where ($1::text is null or a.state = $1)
   and ($2::text is null or a.work_order = $2)
   and ($3::text is null or a.worker = $3)
   and ($4::boolean is null or (a.state <> 'pending') > $4
        or ((a.state <> 'pending') = $4
            and (a.requested_at < $5::timestamptz
                 or (a.requested_at = $5::timestamptz and a.id > $6::text))))
 order by (a.state <> 'pending'), a.requested_at desc, a.id
 limit $7;

-- name: find_overdue
-- Up to 100 approvals that wait, or wait to be used, at $1: too late, or under ended work; not $2.
select a.id
  from governance.approval a left join governance.work_order w on w.id = a.work_order
 where a.state in ('pending', 'approved')
   and (a.expires_at <= $1 or w.state in ('completed', 'failed', 'cancelled'))
   and a.id <> all ($2::text[])
 order by a.requested_at, a.id limit 100;

-- name: list_open_of_order
-- Approvals of work order $1 that wait, or wait to be used.
select id from governance.approval
 where work_order = $1 and state in ('pending', 'approved') order by id;
