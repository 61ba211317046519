-- name: describe_server
-- Version, pgvector's version (null where it cannot be installed) and size.
select current_setting('server_version') as server_version,
       (select coalesce(installed_version, default_version)
          from pg_available_extensions where name = 'vector') as vector_version,
       pg_database_size(current_database()) as size_bytes;

-- name: count_events
-- How many events the log has.
select count(*) from kernel.event;

-- name: find_log
-- The log's table, or null in an empty database.
select to_regclass('kernel.event')::text;
