-- name: notify_reply
-- Carry the parts of a client's reply to the server process in which its question waits, in order.
select count(pg_notify('agentos_reply', part)) from unnest($1::text[]) as part;
