-- name: lock_principal
-- One new task of principal $1 at a time, in all processes, until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('kernel.task/' || $1, 0));

-- name: count_open
-- How many tasks of principal $1 have not ended.
select count(*) from kernel.task where principal = $1 and status = 'working';

-- name: insert_task
-- $1 id, $2 principal, $3 role, $4 person, $5 token, $6 local, $7 tool, $8 call, $9 request,
-- $10 message, $11 review, $12 askable, $13 owner, $14 lease in seconds, $15 now, $16 expiry.
-- One that waits for a review has not run yet.
insert into kernel.task (id, principal, role, person, token_id, is_local, tool, call, request, status,
       message, review_id, askable, owner, lease_expires_at, n_runs, created_at, updated_at,
       expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'working', $10, $11, $12, $13,
        clock_timestamp() + make_interval(secs => $14::float8),
        case when $11::text is null then 1 else 0 end, $15, $15, $16);

-- name: begin_run
-- Task $1 of owner $2 is run by call $3 now. No row: it ended, or others took it up.
update kernel.task
   set call = $3, review_id = null, is_parked = false, message = null, n_runs = n_runs + 1,
       updated_at = $4
 where id = $1 and owner = $2 and status = 'working'
returning id;

-- name: end_task
-- Task $1 of owner $2 ends in status $3 with outcome $4, at $5. No row: it ended, or others took it up.
update kernel.task
   set status = $3, outcome = $4, request = null, message = $6, review_id = null, is_parked = false,
       updated_at = $5
 where id = $1 and owner = $2 and status = 'working'
returning id;

-- name: cancel_task
-- End task $1 at $2, whoever runs it, and tell its process. No row: it had ended.
with cancelled as (
    update kernel.task
       set status = 'cancelled', request = null, message = $3, review_id = null, is_parked = false,
           updated_at = $2
     where id = $1 and status = 'working'
    returning id
)
select id, pg_notify('agentos_task', id) from cancelled;

-- name: find_task
-- Task $1 of principal $2 in role $3 for person $4.
select id, tool, status, message, outcome, created_at, updated_at, expires_at
  from kernel.task
 where id = $1 and principal = $2 and role = $3 and person is not distinct from $4;

-- name: list_questions
-- What task $1 asked, in the order of keys.
select key, name, sha256, question, answer from kernel.task_question where task_id = $1 order by key;

-- name: lock_task
-- Task $1 of owner $2, locked while it works.
select id from kernel.task where id = $1 and owner = $2 and status = 'working' for update;

-- name: insert_question
-- Task $1 asks under key $2: name $3, digest $4, the question $5, and its answer where it is known.
insert into kernel.task_question (task_id, key, name, sha256, question, answer)
values ($1, $2, $3, $4, $5, $6);

-- name: set_parked
-- Whether the body of task $1 of owner $2 waits for answers, from $4 on.
update kernel.task set is_parked = $3, updated_at = $4
 where id = $1 and owner = $2 and status = 'working'
returning id;

-- name: answer_questions
-- Take the answers $3 to the open questions $2 of task $1, at $4, and tell its process.
with answered as (
    update kernel.task_question q
       set answer = a.answer
      from unnest($2::text[], $3::text[]) as a (key, answer)
     where q.task_id = $1 and q.key = a.key and q.answer is null
    returning q.task_id
), touched as (
    update kernel.task set updated_at = $4
     where id in (select task_id from answered) and status = 'working'
    returning id
)
select id, pg_notify('agentos_task', id) from touched;

-- name: set_review
-- Task $1 of owner $2 waits for review $3 from $5 on, as $4 says.
update kernel.task set review_id = $3, message = $4, updated_at = $5
 where id = $1 and owner = $2 and status = 'working'
returning id;

-- name: renew_leases
-- The tasks $2 of owner $1 live on for $4 seconds; $3 says how far each is. What has ended, or was
-- taken up by others, is missing among the rows.
update kernel.task t
   set lease_expires_at = clock_timestamp() + make_interval(secs => $4::float8),
       updated_at = case when n.message is null then t.updated_at else $5 end,
       message = coalesce(n.message, t.message)
  from unnest($2::text[], $3::text[]) as n (id, message)
 where t.id = n.id and t.owner = $1 and t.status = 'working'
returning t.id;

-- name: release_lease
-- Let others take up task $1 of owner $2 at once; that run was no failure.
update kernel.task
   set lease_expires_at = clock_timestamp(), n_runs = greatest(n_runs - 1, 0), updated_at = $3
 where id = $1 and owner = $2 and status = 'working';

-- name: take_up
-- At most $4 tasks whose process is gone, of the tools $2, for owner $1 with a lease of $3 seconds;
-- not those that it runs itself, $5, and could not renew while the database was away.
update kernel.task
   set owner = $1, lease_expires_at = clock_timestamp() + make_interval(secs => $3::float8)
 where id in (
       select id from kernel.task
        where status = 'working' and lease_expires_at <= clock_timestamp()
          and tool = any ($2::text[]) and not id = any ($5::text[])
        order by lease_expires_at
        limit $4
          for update skip locked)
returning id, principal, role, person, token_id, is_local, tool, call, request, review_id, is_parked,
          askable, n_runs;

-- name: read_call
-- What the log has of call $1.
select type, data from kernel.event where data ->> 'call' = $1 and data ? 'call' order by position;

-- name: end_overdue
-- Fail at most $3 tasks that still work at $1, past their time, with error $2; their processes are told.
with overdue as (
    update kernel.task
       set status = 'failed', outcome = $2, request = null, review_id = null, is_parked = false,
           message = 'its time to live is over', updated_at = $1
     where id in (
           select id from kernel.task where expires_at <= $1 and status = 'working'
            limit $3 for update skip locked)
    returning id
)
select id, pg_notify('agentos_task', id) from overdue;

-- name: forget_tasks
-- Drop at most $2 tasks that ended and whose time to live was over at $1.
delete from kernel.task
 where id in (
       select id from kernel.task where expires_at <= $1 and status <> 'working'
        order by expires_at limit $2 for update skip locked);
