-- What other servers say of a tool, prompt or resource, word for word, by its digest. Written beside
-- the event that approves it, which holds the digest: the log keeps what was approved, this is the
-- text. Never changed.
create table gateway.definition (
    digest text primary key check (digest ~ '^[0-9a-f]{64}$'),
    text   text not null
);

-- Which definition of what is approved. Written by projections alone; no row: not approved.
create table gateway.pin (
    server      text        not null,
    kind        text        not null check (kind in ('tool', 'prompt', 'resource', 'template')),
    name        text        not null,
    digest      text        not null,
    approved_by text        not null,
    approved_at timestamptz not null,
    primary key (server, kind, name)
);
