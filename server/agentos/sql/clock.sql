-- name: read_clock
-- The database's time at this moment, not at the begin of a transaction.
select clock_timestamp();
