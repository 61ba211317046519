-- Read model of the events observation.recorded; only their projection writes it. digest names the
-- text that is embedded.
create table memory.observation (
    id            text        primary key,
    position      bigint      not null unique,
    created_at    timestamptz not null,
    actor         text        not null,
    work_order    text,
    kind          text        not null
                  check (kind in ('decision', 'discovery', 'fix', 'outcome', 'question')),
    title         text        not null,
    body          text        not null,
    tags          text[]      not null,
    refs          jsonb       not null,
    supersedes    text,
    superseded_by text,
    digest        text        not null check (length(digest) = 64)
);
create index observation_work_order on memory.observation (work_order)
    where work_order is not null;
create index observation_digest on memory.observation (digest);
