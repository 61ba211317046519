-- name: lock_migrations
-- One migrating process at a time, over all servers of this database; released at commit.
select pg_advisory_xact_lock(hashtextextended('agentos.migrations', 0));

-- name: create_bookkeeping
-- The extension and the table that migrations themselves need.
create extension if not exists vector with schema public;
create schema if not exists kernel;
create table if not exists kernel.migration (
    schema     text        not null,
    version    int         not null,
    name       text        not null,
    sha256     text        not null,
    applied_at timestamptz not null default now(),
    primary key (schema, version)
);

-- name: list_applied
-- Applied migrations of schema $1.
select version, sha256 from kernel.migration where schema = $1 order by version;

-- name: list_all_applied
-- Every applied migration.
select schema, version from kernel.migration;

-- name: record_migration
-- $1 schema, $2 version, $3 name, $4 digest of the text.
insert into kernel.migration (schema, version, name, sha256) values ($1, $2, $3, $4);
