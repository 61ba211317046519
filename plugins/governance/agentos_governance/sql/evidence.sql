-- name: read_event_hashes
-- Hashes of events of stream $1 after $2 and up to $3, in order; $4 rows.
select seq, hash from kernel.event where stream = $1 and seq > $2 and seq <= $3
 order by seq
 limit $4;

-- name: page_evidence
-- Evidence of work order $1 with the events that recorded it, after $2 and up to $3 in its stream;
-- $4 rows.
select v.id, v.kind, v.claim, v.path, v.start_line, v.end_line, v.sha256, v.level, v.worker,
       e.position, e.stream, e.seq, e.type, e.actor, e.at, e.data, e.prev_hash, e.hash
  from governance.evidence v
  join kernel.event e on e.stream = 'work_order/' || v.work_order and e.seq = v.seq
 where v.work_order = $1 and v.seq > $2 and v.seq <= $3
 order by v.seq
 limit $4;

-- name: page_digests
-- The digests that evidence of work order $1 up to $2 in its stream rests on, and the digest $3 where
-- it is not null: in order, those after $4, $5 of them.
select sha256
  from (select sha256 from governance.evidence where work_order = $1 and seq <= $2
         union select $3::text where $3 is not null) rests
 where sha256 collate "C" > $4
 order by sha256 collate "C"
 limit $5;

-- name: page_recorded
-- Evidence of work order $1 after $2 in its stream, in order; $3 rows.
select id, kind, claim, path, start_line, end_line, sha256, level, worker, created_at, facts, batch,
       seq
  from governance.evidence
 where work_order = $1 and seq > $2
 order by seq
 limit $3;

-- name: find_last_event
-- The last event of stream $1 that is one of the types $2, at or before $3 in it.
select position, stream, seq, type, actor, at, data, prev_hash, hash
  from kernel.event
 where stream = $1 and type = any ($2::text[]) and ($3::bigint is null or seq <= $3)
 order by seq desc
 limit 1;

-- name: find_head
-- The last event of stream $1 other than the records of single calls.
select position, stream, seq, type, actor, at, data, prev_hash, hash
  from kernel.event
 where stream = $1 and type not like 'call.%' and type <> 'action.judged'
 order by seq desc
 limit 1;

-- name: count_evidence
-- How many single pieces of evidence work order $1 has, and how many files recorded in batches.
select count(*) filter (where batch is null) as n_single,
       count(*) filter (where batch is not null) as n_files
  from governance.evidence where work_order = $1;

-- name: evidence_version
-- What changes with every piece of evidence of work order $1: where the last one stands.
select coalesce(max(seq), 0) from governance.evidence where work_order = $1;

-- name: has_reported_evidence
-- Whether work order $1 has evidence that only its worker vouches for.
select exists (select 1 from governance.evidence where work_order = $1 and level = 'reported');

-- name: find_observation
-- The evidence that rests on the observation with digest $1.
select id from governance.evidence where observation_sha256 = $1;
