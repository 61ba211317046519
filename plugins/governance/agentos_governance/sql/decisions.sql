-- name: insert_request
-- $1 id, $2 kind, $3 title, $4 body, $5 options, $6 digest, $7 stream, $8 work order, $9 worker,
-- $10 person, $11 role, $12 model, $13 time, $14 expiry.
insert into governance.decision_request (id, kind, state, title, body, options, sha256, stream,
       work_order, worker, person, role, model, opened_at, expires_at)
values ($1, $2, 'open', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: set_request_decided
-- $1 id, $2 state, $3 verdict, $4 reason, $5 categories, $6 answer, $7 who, $8 person, $9 time.
update governance.decision_request
   set state = $2, verdict = $3, reason = $4, categories = $5, answer = $6, decided_by = $7,
       decided_person = $8, ended_at = $9
 where id = $1;

-- name: set_request_ended
-- Request $1 ended undecided: $2 state, $3 reason, $4 time.
update governance.decision_request set state = $2, reason = $3, ended_at = $4 where id = $1;

-- name: get_request
-- Request $1 with the state of its work order.
select d.*, w.state as work_order_state
  from governance.decision_request d left join governance.work_order w on w.id = d.work_order
 where d.id = $1;

-- name: lock_request
-- Lock request $1 until the end of the transaction; read it in a statement of its own.
select id from governance.decision_request where id = $1 for no key update;

-- name: find_open_like
-- The open request of worker $1 with digest $2.
select id from governance.decision_request
 where worker = $1 and sha256 = $2 and state = 'open' and expires_at > $3 limit 1;

-- name: lock_requests_of
-- One request of worker $1 at a time, in all processes.
select pg_advisory_xact_lock(hashtextextended('governance.decision_request/' || $1, 0));

-- name: count_open_requests
-- Of worker $1.
select count(*) from governance.decision_request where worker = $1 and state = 'open';

-- name: find_overdue_requests
-- Up to 100 that wait at $1 although it is too late, or their work is over; not $2.
select d.id
  from governance.decision_request d left join governance.work_order w on w.id = d.work_order
 where d.state = 'open'
   and (d.expires_at <= $1 or w.state in ('completed', 'failed', 'cancelled'))
   and d.id <> all ($2::text[])
 order by d.opened_at, d.id limit 100;

-- name: insert_question
-- $1 id, $2 review, $3 stream, $4 work order, $5 worker, $6 who asks, $7 question, $8 observation,
-- $9 time.
insert into governance.question (id, review, stream, work_order, worker, asked_by, question,
       observation, asked_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: set_question_answered
-- $1 id, $2 answer, $3 who, $4 time.
update governance.question set answer = $2, answered_by = $3, answered_at = $4 where id = $1;

-- name: get_question
select * from governance.question where id = $1;

-- name: lock_question
-- Lock question $1 until the end of the transaction.
select * from governance.question where id = $1 for no key update;

-- name: list_questions
-- About review $1, the newest $2, oldest first.
select * from (select * from governance.question where review = $1
                order by asked_at desc, id desc limit $2) q
 order by asked_at, id;

-- name: count_open_questions
-- About review $1.
select count(*) from governance.question where review = $1 and answer is null;

-- name: list_open_questions_of_order
-- What people wait to hear about work order $1, oldest first; $2 rows.
select * from governance.question where work_order = $1 and answer is null
 order by asked_at, id limit $2;
