-- name: insert_round
-- $1 id, $2 work order, $3 number, $4 packet, $5 contract version, $6 blocking findings, $7 items,
-- $8 what changed, $9 time.
insert into governance.review_round (id, work_order, number, packet_sha256, contract_version, state,
       n_blocking, items, what_changed, opened_at)
values ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $9);

-- name: insert_carried_vote
-- An approval of packet $10 holds for packet $2 of work order $1: $3 voter, $4 reviewer, $5 person,
-- $6 whether it is a human's, $7 reason, $8 findings, $9 time it was given.
insert into governance.vote (work_order, packet_sha256, voter, reviewer, person, is_human, verdict,
       reason, findings, voted_at, carried_from)
values ($1, $2, $3, $4, $5, $6, 'approve', $7, $8, $9, $10);

-- name: set_round_decided
-- $1 id, $2 outcome, $3 verdict, $4 reason, $5 who, $6 person, $7 time.
update governance.review_round
   set state = $2, verdict = $3, reason = $4, decided_by = $5, decided_person = $6, ended_at = $7
 where id = $1;

-- name: set_round_ended
-- Round $1 ended undecided: $2 outcome, $3 reason, $4 time.
update governance.review_round set state = $2, reason = $3, ended_at = $4 where id = $1;

-- name: count_override
-- Somebody approved in round $1 in spite of a blocking finding.
update governance.review_round set n_overrides = n_overrides + 1 where id = $1;

-- name: insert_clock
-- $1 review, $2 kind, $3 stream, $4 time, $5 due, $6 expiry, $7 reminder, $8 escalation, $9 schedule.
insert into governance.review_clock (review, kind, stream, version, opened_at, due_at, expires_at,
       remind_at, escalate_at, schedule)
values ($1, $2, $3, 1, $4, $5, $6, $7, $8, $9);

-- name: touch_clock
-- What is shown of review $1 has changed.
update governance.review_clock set version = version + 1 where review = $1;

-- name: stop_clock
-- Nobody waits for review $1 since $2, or since before: an approval may still expire unused.
update governance.review_clock
   set version = version + 1, ended_at = coalesce(ended_at, $2), remind_at = null, escalate_at = null,
       snoozed_until = null
 where review = $1;

-- name: set_reminded
-- Review $1 had its reminder number $2; the next is at $3. A snooze ends with it.
update governance.review_clock
   set version = version + 1, n_reminders = $2, remind_at = $3, snoozed_until = null
 where review = $1;

-- name: set_escalated
-- Of review $1 the person number $2 of the list, $3, is asked; the next at $4.
update governance.review_clock
   set version = version + 1, n_escalations = $2, assigned_to = $3, escalate_at = $4
 where review = $1;

-- name: set_snoozed
-- Review $1 is quiet until $2; the next reminder is at $3, the next escalation at $4.
update governance.review_clock
   set version = version + 1, snoozed_until = $2, remind_at = $3, escalate_at = $4
 where review = $1;

-- name: set_taken_over
-- $2 looks after review $1; the next escalation is at $3.
update governance.review_clock
   set version = version + 1, assigned_to = $2, escalate_at = $3
 where review = $1;

-- name: list_escalation
-- Who is asked when nobody decides, in order; $1 names.
select name from governance.person where is_active and escalation > 0
 order by escalation, name limit $1;

-- name: find_last_digest
-- The last day whose digest fell due, in stream $1, and where that stream ends.
select seq, data ->> 'date' as date from kernel.event
 where stream = $1 and type = 'review.digest_due' order by seq desc limit 1;

-- name: list_active_persons
-- Who may decide, by name; $1 rows.
select name from governance.person where is_active order by name limit $1;

-- name: list_evidence_digests
-- Digests of the evidence of work order $1, sorted, without uses of tools; $2 rows.
select distinct sha256 from governance.evidence
 where work_order = $1 and kind <> 'tool_use' order by sha256 limit $2;

-- name: get_round
-- Round $1 with its clock.
select r.*, c.version, c.due_at, c.expires_at, c.remind_at, c.escalate_at, c.snoozed_until,
       c.assigned_to, c.n_reminders, c.n_escalations, c.schedule
  from governance.review_round r join governance.review_clock c on c.review = r.id
 where r.id = $1;

-- name: find_last_round
-- The newest round of work order $1, with its clock.
select r.*, c.version, c.due_at, c.expires_at, c.remind_at, c.escalate_at, c.snoozed_until,
       c.assigned_to, c.n_reminders, c.n_escalations, c.schedule
  from governance.review_round r join governance.review_clock c on c.review = r.id
 where r.work_order = $1
 order by r.number desc limit 1;

-- name: count_superseded
-- How many packets of work order $1 were superseded since one ended in any other way.
select count(*) from governance.review_round
 where work_order = $1 and state = 'superseded'
   and number > coalesce((select max(number) from governance.review_round
                           where work_order = $1 and state not in ('superseded', 'open')), 0);

-- name: find_last_submission
-- The newest submission in stream $1 of a work order.
select seq, data from kernel.event
 where stream = $1 and type = 'work_order.submitted' order by seq desc limit 1;

-- name: find_round_of_packet
-- The round of work order $1 that was about packet $2.
select id, number, packet_sha256, items from governance.review_round
 where work_order = $1 and packet_sha256 = $2;

-- name: find_vote
-- The vote of voter $3 on packet $2 of work order $1, given there and not carried over.
select verdict, reason, findings, override_reason from governance.vote
 where work_order = $1 and packet_sha256 = $2 and voter = $3 and carried_from is null;

-- name: list_approvals
-- Approvals of packet $2 of work order $1, oldest first.
select voter, reviewer, person, is_human, reason, findings, voted_at, packet_sha256, carried_from
  from governance.vote
 where work_order = $1 and packet_sha256 = $2 and verdict = 'approve'
 order by voted_at, voter;

-- name: find_without_round
-- Up to 100 work orders in review whose packet no round is about: submitted before there were rounds;
-- not $1.
select w.id, w.packet_sha256
  from governance.work_order w
 where w.state = 'in_review' and w.packet_sha256 is not null
   and not exists (select from governance.review_round r
                    where r.work_order = w.id and r.state = 'open')
   and w.id <> all ($1::text[])
 order by w.id limit 100;

-- name: has_open_round
-- Whether a round of work order $1 is open.
select exists (select from governance.review_round where work_order = $1 and state = 'open');

-- name: get_clock
-- The clock of review $1.
select * from governance.review_clock where review = $1;

-- name: find_due_clocks
-- Up to 100 reviews of which something is due at $1; where $2, only an expiry. Approvals are ended
-- by their own sweep. Not $3.
select review, kind from governance.review_clock
 where ended_at is null
   and ((expires_at <= $1 and kind <> 'approval')
        or (not $2::boolean and (remind_at <= $1 or escalate_at <= $1) and expires_at > $1))
   and review <> all ($3::text[])
 order by least(remind_at, escalate_at, expires_at), review limit 100;
