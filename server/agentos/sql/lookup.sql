-- name: find_event
-- The event of stream $1 with sequence number $2.
select position, stream, seq, type, actor, at, data, prev_hash, hash
  from kernel.event where stream = $1 and seq = $2;
