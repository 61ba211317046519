-- name: notify_event
-- Wake the listeners of every process; $1 names the one that announces.
select pg_notify('agentos_event', $1);
