-- name: drop_schemas
-- Remove every schema that AgentOS keeps here, before a backup takes its place; waits for other
-- users of the tables for 10 seconds at most.
do $$
declare
    schemas text[];
    kept    text;
begin
    set local lock_timeout = '10s';
    if to_regclass('kernel.migration') is null then
        return;
    end if;
    select array_agg(distinct schema) into schemas from kernel.migration;
    foreach kept in array coalesce(schemas, '{}') loop
        execute format('drop schema if exists %I cascade', kept);
    end loop;
    drop schema if exists kernel cascade;
end $$;
