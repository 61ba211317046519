-- name: all_events_as_text
-- Every event, or those of stream $1, in the order of the log. No row, however it was tampered
-- with, fails to be read: data as text, a time that Python cannot hold as null.
select position, stream, seq, type, actor,
       case when at > '0001-01-02 00:00Z' and at < '9999-12-30 00:00Z' then at end as at,
       data::text as data, prev_hash, hash
  from kernel.event
 where $1::text is null or stream = $1
 order by position;

-- name: all_events
-- Every event, or those of stream $1, in the order of the log.
select position, stream, seq, type, actor, at, data, prev_hash, hash
  from kernel.event
 where $1::text is null or stream = $1
 order by position;

-- name: heads
-- The head of every stream, or of stream $1.
select stream, seq, hash from kernel.stream where $1::text is null or stream = $1;
