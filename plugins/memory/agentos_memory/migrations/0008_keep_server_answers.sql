-- What language servers said about calls that resolution left open, so that nobody asks twice: by
-- repository, since an answer depends on more files than its own, and by content, so that it stays
-- when a branch is switched back. answers is compressed by the writer; site_count is how many.
create table memory.server_answer (
    repository_id bigint      not null references memory.repository on delete cascade,
    content_id    bigint      not null references memory.content on delete cascade,
    site_count    int         not null check (site_count > 0),
    answers       bytea       not null,
    answered_at   timestamptz not null,
    primary key (repository_id, content_id)
);
alter table memory.server_answer alter column answers set storage external;
create index server_answer_content on memory.server_answer (content_id);

-- How far the graph of a repository is refined: what was asked about, what waits, and with which
-- servers, for the generation of the graph that was looked at last. failure says why it does not
-- get on.
create table memory.refinement_progress (
    repository_id    bigint      primary key references memory.repository on delete cascade,
    graph_generation bigint      not null check (graph_generation > 0),
    servers          text        not null,
    done_count       int         not null check (done_count >= 0),
    waiting_count    int         not null check (waiting_count >= 0),
    failure          text,
    updated_at       timestamptz not null
);

-- refinement grows whenever answers become part of the graph: with graph_generation it tells one
-- graph from the next.
alter table memory.repository
    add column refinement bigint not null default 0 check (refinement >= 0);
