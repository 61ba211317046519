-- name: insert_work_order
-- $1 id, $2 title, $3 objective, $4 phase, $5 role, $6 priority, $7 repo, $8 parent, $9 contract,
-- $10 contract version, $11 creator, $12 time, $13 first state, $14 orders it is kept apart from.
insert into governance.work_order (id, title, objective, phase, role, priority, repo, parent,
       contract, contract_version, created_by, created_at, state, not_by_orders)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: insert_dependencies
-- Work order $1 waits on each of $2.
insert into governance.dependency (work_order, depends_on) select $1, d from unnest($2::text[]) d;

-- name: set_ready
-- The last dependency of work order $1 completed.
update governance.work_order set state = 'ready' where id = $1;

-- name: set_base
-- The work on work order $1 begins at commit $2; the first one stays.
update governance.work_order set base_commit = $2 where id = $1 and base_commit is null;

-- name: set_claimed
-- $1 id, $2 worker, $3 epoch, $4 time, $5 workspace, $6 branch, $7 base commit.
update governance.work_order
   set state = 'active', worker = $2, epoch = $3, first_claimed_at = coalesce(first_claimed_at, $4),
       workspace = $5, branch = $6, base_commit = $7
 where id = $1;

-- name: insert_claim
-- $1 id, $2 epoch, $3 worker, $4 person, $5 time.
insert into governance.claim (work_order, epoch, worker, person, claimed_at)
values ($1, $2, $3, $4, $5);

-- name: set_suspended
-- Work order $1 has no worker and waits for the next claim.
update governance.work_order set state = 'suspended', worker = null where id = $1;

-- name: set_submitted
-- $1 id, $2 summary, $3 packet digest, $4 state.
update governance.work_order set state = $4, worker = null, summary = $2, packet_sha256 = $3
 where id = $1;

-- name: set_ended
-- Work order $1 ends in state $2 at $3.
update governance.work_order set state = $2, worker = null, ended_at = $3 where id = $1;

-- name: insert_evidence
-- $1 id, $2 work order, $3 kind, $4 claim, $5 path, $6 and $7 lines, $8 digest, $9 level, $10 worker,
-- $11 time, $12 event hash, $13 its number in the stream, $14 facts, $15 batch, $16 observation.
insert into governance.evidence (id, work_order, kind, claim, path, start_line, end_line, sha256,
       level, worker, created_at, event_hash, seq, facts, batch, observation_sha256)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16);

-- name: set_evidence_reviewed
-- What was reported on work order $1 before $2 in its stream is reviewed now.
update governance.evidence set level = 'reviewed'
 where work_order = $1 and seq < $2 and level = 'reported';

-- name: upsert_vote
-- One vote a person and packet; a person who votes again changes their mind, also where the vote
-- before was carried over.
insert into governance.vote (work_order, packet_sha256, voter, reviewer, is_human, verdict, reason,
       findings, voted_at, person, override_reason)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (work_order, packet_sha256, voter) do update
   set reviewer = excluded.reviewer, is_human = excluded.is_human, verdict = excluded.verdict,
       reason = excluded.reason, findings = excluded.findings, voted_at = excluded.voted_at,
       person = excluded.person, override_reason = excluded.override_reason, carried_from = null;

-- name: insert_ledger_entry
-- $1 work order, $2 request, $3 phase, $4 role, $5 model, $6 action, $7 worker, $8 input, $9 output,
-- $10 cached input tokens, $11 USD, $12 time.
insert into governance.ledger (work_order, request_id, phase, role, model, action, worker,
       input_tokens, output_tokens, cached_input_tokens, usd, recorded_at, price_version)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::numeric, $12, $13);

-- name: wrong_budgets
-- Budgets whose cap is not the contract's, or whose sums are not those of the ledger and the holds.
select b.work_order
  from governance.budget b
  join governance.work_order w on w.id = b.work_order
 where b.cap_usd <> (w.contract ->> 'cost_budget_usd')::numeric
    or b.spent_usd <> coalesce((select sum(l.usd) from governance.ledger l
                                 where l.work_order = b.work_order), 0)
    or b.held_usd <> coalesce((select sum(h.usd) from governance.hold h
                                where h.work_order = b.work_order), 0);
