-- name: notify_event
-- Wake the listeners of every process.
select pg_notify('agentos_event', '');
