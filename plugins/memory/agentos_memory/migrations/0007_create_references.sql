-- Documents that are searched. A source that was removed keeps its row, so that versions only grow;
-- its name may be used again.
create table memory.reference_source (
    id            bigint      generated always as identity primary key,
    name          text        not null unique check (length(name) between 1 and 100),
    format        text        not null,
    title         text        not null,
    path          text        not null,
    sha256        text        not null check (length(sha256) = 64),
    reader        text        not null,
    size_bytes    bigint      not null check (size_bytes >= 0),
    notices       text[]      not null,
    section_count int         not null check (section_count >= 0),
    version       bigint      not null check (version > 0),
    is_removed    boolean     not null default false,
    added_at      timestamptz not null,
    updated_at    timestamptz not null
);

-- digest names the text that is embedded. A section keeps its id while its anchor or its text
-- stays.
create table memory.reference_section (
    id         bigint not null generated always as identity primary key,
    source_id  bigint not null references memory.reference_source on delete cascade,
    position   int    not null check (position >= 0),
    anchor     text   not null unique check (length(anchor) between 3 and 2000),
    title      text   not null,
    headings   text[] not null,
    text       text   not null,
    summary    text   not null,
    path       text   not null,
    start_line int,
    end_line   int,
    page       int    check (page > 0),
    digest     text   not null check (length(digest) = 64),
    check (start_line is null or (start_line > 0 and end_line >= start_line))
);
create index reference_section_source on memory.reference_section (source_id, position);
create index reference_section_digest on memory.reference_section (digest);
