-- name: set_log_level
-- $1 session, $2 level, $3 now.
insert into kernel.log_level (session_key, level, set_at) values ($1, $2, $3)
on conflict (session_key) do update set level = excluded.level, set_at = excluded.set_at;

-- name: get_log_level
-- From which level on a session wants to hear what its calls log; no row: everything.
select level from kernel.log_level where session_key = $1;
