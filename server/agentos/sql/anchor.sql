-- name: read_heads
-- Head of every stream, in order.
select stream, seq, hash from kernel.stream order by stream;

-- name: compare_events
-- What the log has now at each anchored place: streams $1 at sequence numbers $2, in parallel.
-- A null hash means that the event is gone.
select anchored.stream, anchored.seq, event.hash
  from unnest($1::text[], $2::bigint[]) as anchored (stream, seq)
  left join kernel.event event on event.stream = anchored.stream and event.seq = anchored.seq
 order by anchored.stream;
