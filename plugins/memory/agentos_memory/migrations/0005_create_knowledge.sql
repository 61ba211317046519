-- What is known of a repository beyond its code: entities and edges that extractors found in its
-- files and in its history. Derived from the working tree, like the code index, and made again by
-- the next build wherever it is missing.

-- One row per repository that has been looked at. indexed_at is that of the index run it belongs to
-- and extractors names the extractors with their versions: where either differs, the next build
-- looks again. build counts the builds. history is what git's log gave
-- for history_commit; paths are all files of the working tree; both compressed.
create table memory.knowledge (
    repository_id  bigint      primary key references memory.repository on delete cascade,
    indexed_at     timestamptz not null,
    extractors     text        not null,
    build          bigint      not null check (build > 0),
    commit         text        check (length(commit) between 1 and 64),
    history_commit text        check (length(history_commit) between 1 and 64),
    history        bytea       not null,
    paths          bytea       not null,
    skipped        jsonb       not null,
    built_at       timestamptz not null
);
alter table memory.knowledge
    alter column history set storage external,
    alter column paths set storage external;

-- What one file gave, by the digest of its bytes; extraction is null where it gave nothing.
create table memory.knowledge_file (
    repository_id bigint not null references memory.repository on delete cascade,
    path          text   not null check (length(path) between 1 and 1000),
    sha256        text   not null check (length(sha256) = 64),
    entity_count  int    not null check (entity_count >= 0),
    edge_count    int    not null check (edge_count >= 0),
    extraction    bytea,
    primary key (repository_id, path)
);
alter table memory.knowledge_file alter column extraction set storage external;
