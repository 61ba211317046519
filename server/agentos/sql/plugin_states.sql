-- name: last_states
-- The newest event of each stream of $1 (text[]), with what it says of its plugin.
select distinct on (stream)
       type, at, data ->> 'plugin' as plugin, data ->> 'hook' as hook, data ->> 'reason' as reason
  from kernel.event
 where stream = any($1::text[])
 order by stream, seq desc;
