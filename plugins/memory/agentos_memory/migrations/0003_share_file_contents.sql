-- The code index anew: what a file gives is stored once by its content, a generation only points at
-- it, and search and graph advance each on their own. The rows of the old form are dropped, since
-- their source is the working tree: index_repository makes them again.
delete from memory.repository;
drop table memory.symbol, memory.edge, memory.unresolved_call, memory.chunk;

-- What one file gives to an index, never changed afterwards. key is the digest of the file's bytes,
-- its path, its module's name and the version of the analysis, so that generations, branches, work
-- trees and repositories with that file share it. Committed while a run is still reading: a run
-- that was killed has lost nothing. The forms are compressed by the writer. facts is null where they
-- cannot be stored; such a file is parsed on every run. outline says which names a Python file
-- mentions, so that a change finds the files it may reach without reading their facts.
create table memory.content (
    id           bigint      generated always as identity primary key,
    key          text        not null unique check (length(key) = 64),
    created_at   timestamptz not null,
    line_count   int         not null check (line_count >= 0),
    symbol_count int         not null check (symbol_count >= 0),
    chunk_count  int         not null check (chunk_count >= 0),
    symbols      bytea       not null,
    chunks       bytea       not null,
    facts        bytea,
    outline      bytea
);
alter table memory.content
    alter column symbols set storage external,
    alter column chunks set storage external,
    alter column facts set storage external,
    alter column outline set storage external;

-- generation counts what search reads. graph_generation is the one that edges were last resolved
-- for: null before the first, and behind while a run is resolving. left_out lists the files that
-- no analysis saw, compressed. resolver is the version of the resolution that made the edges.
alter table memory.repository
    add column graph_generation bigint check (graph_generation between 1 and generation),
    add column resolver text,
    add column left_out bytea,
    add check ((graph_generation is null) = (resolver is null));
alter table memory.repository alter column left_out set storage external;

-- The files of a generation: content, or why there is none.
alter table memory.file
    drop column facts,
    drop column line_count,
    add column content_id bigint references memory.content,
    add check ((content_id is null) = (skip_reason is not null));
create index file_content on memory.file (content_id);

-- The files of the graph's generation, with the edges and open call sites whose evidence they are;
-- digest is that of relations before compression.
create table memory.graph_file (
    repository_id bigint not null references memory.repository on delete cascade,
    path          text   not null check (length(path) between 1 and 1000),
    content_id    bigint not null references memory.content,
    edge_count    int    not null check (edge_count >= 0),
    digest        text   not null check (length(digest) = 64),
    relations     bytea  not null,
    primary key (repository_id, path)
);
alter table memory.graph_file alter column relations set storage external;
create index graph_file_content on memory.graph_file (content_id);

-- A file that went on under another path, as of a generation: links to the old path lead there.
create table memory.file_rename (
    repository_id bigint      not null references memory.repository on delete cascade,
    generation    bigint      not null check (generation > 0),
    old_path      text        not null,
    new_path      text        not null,
    renamed_at    timestamptz not null,
    primary key (repository_id, generation, old_path)
);
