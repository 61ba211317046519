-- name: list_events
-- Events in order: of type $1 and stream $2 where they are not null, after position $3.
select position, stream, seq, type, actor, at, data, prev_hash, hash
  from kernel.event
 where ($1::text is null or type = $1) and ($2::text is null or stream = $2) and position > $3
 order by position;

-- name: list_refused_tools
-- Tools of which a call was refused, or ended in an error.
select distinct data ->> 'tool' as tool
  from kernel.event
 where type = 'call.refused' or (type = 'call.finished' and data -> 'error' is not null);
