-- name: all_events
-- Every event, or those of stream $1, in the order of the log.
select position, stream, seq, type, actor, at, data, prev_hash, hash
  from kernel.event
 where $1::text is null or stream = $1
 order by position;

-- name: heads
-- The head of every stream, or of stream $1.
select stream, seq, hash from kernel.stream where $1::text is null or stream = $1;
