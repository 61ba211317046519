-- name: begin_append
-- Lock the heads of the streams $1 and draw $2 positions each; $3 false leaves busy streams out.
select stream, seq, hash, positions from kernel.begin_append($1::text[], $2::int[], $3);

-- name: insert_events
-- Append prepared events; the arrays run in parallel.
insert into kernel.event (position, stream, seq, type, actor, at, data, prev_hash, hash)
select position, stream, seq, type, actor, at, data::jsonb, prev_hash, hash
  from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[],
              $7::text[], $8::text[], $9::text[])
       as e (position, stream, seq, type, actor, at, data, prev_hash, hash);

-- name: advance_heads
-- Move the heads of the streams $1 to the sequence numbers $2 and hashes $3.
update kernel.stream h
   set seq = n.seq, hash = n.hash
  from unnest($1::text[], $2::bigint[], $3::text[]) as n (stream, seq, hash)
 where h.stream = n.stream;

-- name: append_event
-- Append one event to stream $1: type $2, actor $3, at $4, data $5, and its canonical text before
-- the position $6 and after the sequence number $7. No row: another transaction holds the stream.
select seq, prev_hash, position, hash from kernel.append_event($1, $2, $3, $4, $5, $6, $7);

-- name: append_two_events
-- Append two events to stream $1 as append_event does: what it takes of the first, $2 to $7, and of
-- the second, $8 to $13. Their rows in order; none where another transaction holds the stream.
select seq, prev_hash, position, hash
  from kernel.append_two_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: find_event_of_call
-- The event of type $2 in stream $3 that call $1 left.
select seq, prev_hash, position, hash
  from kernel.event
 where data ->> 'call' = $1 and data ? 'call' and type = $2 and stream = $3;

-- name: read_events
-- Events after position $1, at most $2.
select position, stream, seq, type, actor, at, data, prev_hash, hash
  from kernel.event
 where position > $1
 order by position
 limit $2;

-- name: list_appending_transactions
-- Who has drawn a position and has not ended: they hold the sequence's lock until they have.
select virtualtransaction
  from pg_locks
 where locktype = 'relation'
   and relation = 'kernel.event_position'::regclass
   and database = (select oid from pg_database where datname = current_database());

-- name: limit_lock_wait
-- Give up waiting for a lock soon, in this transaction.
set local lock_timeout = '250ms';

-- name: wait_for_new_stream
-- Take the lock that begins stream $1, so that whoever was making it has ended.
select pg_advisory_xact_lock(hashtextextended('kernel.stream/' || $1, 0));

-- name: wait_for_stream
-- Lock the head of stream $1, so that whoever was writing to it has ended.
select 1 from kernel.stream where stream = $1 for update;

-- name: find_hash
-- The hash of the event at position $1.
select hash from kernel.event where position = $1;

-- name: read_stream
-- Events of stream $1 after sequence number $2, at most $3, in order.
select position, stream, seq, type, actor, at, data, prev_hash, hash
  from kernel.event
 where stream = $1 and seq > $2
 order by seq
 limit $3;

-- name: last_position
-- The highest position, or 0.
select coalesce(max(position), 0) from kernel.event;

-- name: read_heads
-- Head of every stream, or of stream $1 where given.
select stream, seq, hash from kernel.stream where $1::text is null or stream = $1 order by stream;

-- name: find_idempotent_result
-- The first result of principal $1 under key $2.
select role, tool, arguments_sha256, result, call from kernel.idempotency where principal = $1 and key = $2;

-- name: lock_idempotency_key
-- Wait for a call of principal $1 under key $2 that runs now; held until the transaction ends.
select pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 1));

-- name: insert_idempotent_result
-- Remember the result of a write; a second writer of the same key violates the primary key.
insert into kernel.idempotency
       (principal, role, key, tool, arguments_sha256, result, call, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: insert_token
-- $1 id, $2 secret hash, $3 worker, $4 role, $5 person, $6 created, $7 expires, $8 profile.
insert into kernel.token (id, secret_hash, worker, role, person, created_at, expires_at, profile)
values ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: find_token
-- The token whose secret hashes to $1.
select id, worker, role, person, expires_at, revoked_at, profile
  from kernel.token where secret_hash = $1;

-- name: find_token_by_id
-- The token with id $1.
select id, worker, role, person, expires_at, revoked_at, profile
  from kernel.token where id = $1;

-- name: list_tokens
-- All tokens, newest first, without secrets.
select id, worker, role, person, created_at, expires_at, revoked_at, profile
  from kernel.token order by created_at desc, id;

-- name: revoke_token
-- Revoke token $1 at $2; a second revocation keeps the first time.
with before as (
    select id, revoked_at from kernel.token where id = $1 for update
)
update kernel.token t set revoked_at = coalesce(t.revoked_at, $2)
  from before b where t.id = b.id
returning t.id, t.revoked_at, b.revoked_at is null as is_first;
