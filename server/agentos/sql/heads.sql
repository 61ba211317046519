-- name: elect_signer
-- Wait until nobody else signs for the anchor file $1; nobody does until this transaction ends.
select pg_advisory_xact_lock(hashtextextended('kernel.signed_head/' || $1, 0));

-- name: drawn_position
-- The last position that anyone has drawn, committed or not; 0 before the first.
select case when is_called then last_value else 0 end from kernel.event_position;

-- name: list_interval
-- What a head covers besides the one before it: at most $3 events after position $1 up to $2.
select position, stream, seq, hash
  from kernel.event
 where position > $1 and position <= $2
 order by position
 limit $3;

-- name: count_interval
-- How many events lie after position $1 up to $2.
select count(*) from kernel.event where position > $1 and position <= $2;

-- name: find_events
-- What lies at the positions $1.
select position, stream, seq, hash from kernel.event where position = any ($1::bigint[]);

-- name: stream_end
-- The number of the last event of stream $1; 0 for none.
select coalesce(max(seq), 0) from kernel.event where stream = $1;

-- name: insert_head
-- Keep a copy of head $2 of chain $1, up to position $3, with digest $4, as document $5.
insert into kernel.signed_head (chain, number, position, digest, document)
values ($1, $2, $3, $4, $5);

-- name: newest_head
-- The newest copy of chain $1.
select number, digest from kernel.signed_head where chain = $1 order by number desc limit 1;

-- name: list_heads
-- Every copy, chain by chain, in order.
select chain, number, position, digest, document from kernel.signed_head order by chain, number;

-- name: forget_heads
-- Drop the copies of chain $1 after number $2, which the anchor file does not have.
delete from kernel.signed_head where chain = $1 and number > $2;
