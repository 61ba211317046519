-- name: export_events
-- Events from $1 to before $2, of stream $3, of work order $4, each where given, in the order of
-- the log.
select position, stream, seq, type, actor, at, data, prev_hash, hash
  from kernel.event
 where ($1::timestamptz is null or at >= $1)
   and ($2::timestamptz is null or at < $2)
   and ($3::text is null or stream = $3)
   and ($4::text is null or stream = 'work_order/' || $4 or data ->> 'work_order' = $4)
 order by position;
