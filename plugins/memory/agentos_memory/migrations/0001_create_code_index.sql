-- One indexed repository. Readers load everything of one generation; a run that changes anything
-- commits as one new generation.
create table memory.repository (
    id         bigint      generated always as identity primary key,
    name       text        not null unique check (length(name) between 1 and 100),
    root       text        not null unique check (length(root) between 1 and 4096),
    commit     text,
    generation bigint      not null check (generation > 0),
    indexed_at timestamptz not null
);

-- A file that a language claims. Either facts could be taken from it, or skip_reason says why not.
create table memory.file (
    repository_id bigint not null references memory.repository on delete cascade,
    path          text   not null check (length(path) between 1 and 1000),
    language      text   not null,
    module        text   not null,
    sha256        text   check (length(sha256) = 64),
    line_count    int    not null check (line_count >= 0),
    skip_reason   text,
    skip_detail   text,
    analyser      text   not null,
    facts         bytea,
    primary key (repository_id, path),
    check (skip_reason is null or facts is null)
);

-- Names are not indexed: lookups by name run on the resident snapshot of a generation, and source
-- code may hold identifiers longer than an index row.
create table memory.symbol (
    repository_id  bigint not null,
    path           text   not null,
    qualified_name text   not null,
    name           text   not null,
    kind           text   not null,
    start_line     int    not null check (start_line > 0),
    end_line       int    not null check (end_line >= start_line),
    name_line      int    not null check (name_line > 0),
    signature      text   not null,
    docstring      text   not null,
    parent         text,
    foreign key (repository_id, path) references memory.file on delete cascade
);
create index symbol_file on memory.symbol (repository_id, path);

-- Relations between symbols of one repository, with the line that is their evidence.
create table memory.edge (
    repository_id bigint not null,
    path          text   not null,
    line          int    not null check (line > 0),
    source        text   not null,
    target_path   text   not null,
    target        text   not null,
    kind          text   not null,
    tier          text   not null,
    rule          text   not null,
    confidence    real   not null check (confidence between 0 and 1),
    foreign key (repository_id, path) references memory.file on delete cascade,
    foreign key (repository_id, target_path) references memory.file (repository_id, path)
        on delete cascade
);
create index edge_file on memory.edge (repository_id, path);
create index edge_target_file on memory.edge (repository_id, target_path);

-- Calls whose target is not known: possible, unproven callers of any symbol of that name.
create table memory.unresolved_call (
    repository_id bigint not null,
    path          text   not null,
    line          int    not null check (line > 0),
    caller        text   not null,
    callee        text   not null,
    receiver      text,
    foreign key (repository_id, path) references memory.file on delete cascade
);
create index unresolved_call_file on memory.unresolved_call (repository_id, path);

-- What a search finds: one symbol or part of one. digest is that of embed_text, name_digest that of
-- name_text; both lead to vectors.
create table memory.chunk (
    repository_id  bigint not null,
    path           text   not null,
    qualified_name text   not null,
    name           text   not null,
    kind           text   not null,
    start_line     int    not null check (start_line > 0),
    end_line       int    not null check (end_line >= start_line),
    signature      text   not null,
    body           text   not null,
    embed_text     text   not null,
    digest         text   not null check (length(digest) = 64),
    name_text      text   not null,
    name_digest    text   not null check (length(name_digest) = 64),
    foreign key (repository_id, path) references memory.file on delete cascade
);
create index chunk_file on memory.chunk (repository_id, path);
create index chunk_digest on memory.chunk (digest);
create index chunk_name_digest on memory.chunk (name_digest);

-- Vectors by content, shared by every chunk and observation with that text: what did not change
-- is never embedded again. Written outside the generation, since a digest means one text for ever.
create table memory.embedding (
    model_id   text          not null,
    digest     text          not null check (length(digest) = 64),
    vector     halfvec(384)  not null,
    created_at timestamptz   not null,
    primary key (model_id, digest)
);
