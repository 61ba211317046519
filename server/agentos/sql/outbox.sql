-- name: is_free
-- Whether no process does the job $1 now; the lock ends with this statement.
select pg_try_advisory_xact_lock(hashtextextended('kernel.outbox/' || $1, 2));

-- name: try_lead
-- Take the lock of job $1 until the connection ends; false: another process has it.
select pg_try_advisory_lock(hashtextextended('kernel.outbox/' || $1, 2));

-- name: open_cursor
-- How far sink $1 is; a new one begins after position $2, at $3.
with made as (
    insert into kernel.outbox_cursor (sink, position, updated_at) values ($1, $2, $3)
    on conflict (sink) do nothing returning position
)
select position, false as is_rewound from made union all
select position, is_rewound from kernel.outbox_cursor where sink = $1 limit 1;

-- name: find_cursor
-- Where sink $1 is now.
select position from kernel.outbox_cursor where sink = $1;

-- name: advance_cursor
-- Sink $1 got from position $2 to $3, at $4; no row: somebody else moved it.
update kernel.outbox_cursor set position = $3, updated_at = $4, is_rewound = false
 where sink = $1 and position = $2
returning position;

-- name: find_event_hash
-- The hash of the event at position $1.
select hash from kernel.event where position = $1;

-- name: list_cursors
-- Every sink, how far it is, and how many events wait for it.
select c.sink, c.position, c.updated_at,
       (select count(*) from kernel.event e where e.position > c.position) as waiting
  from kernel.outbox_cursor c order by c.sink;

-- name: rewind_cursor
-- Sink $1 begins again after position $2, at $3.
update kernel.outbox_cursor set position = $2, updated_at = $3, is_rewound = true
 where sink = $1 returning position;
