-- Operational state: how the connections of server processes to other servers are. A process writes
-- its rows anew every minute and drops them when it ends; older ones are those of a killed process.
create table gateway.condition (
    server       text        not null,
    process      text        not null,
    seen_at      timestamptz not null,
    is_connected boolean     not null,
    breaker      text        not null check (breaker in ('closed', 'half_open', 'open')),
    last_failure text,
    primary key (server, process)
);

-- What a server listed the last time that any process asked it, as far as it is not what is approved.
-- No row: it was never asked.
create table gateway.listing (
    server   text        not null,
    kind     text        not null check (kind in ('tool', 'prompt', 'resource', 'template')),
    asked_at timestamptz not null,
    new      text[]      not null,
    changed  text[]      not null,
    missing  text[]      not null,
    primary key (server, kind)
);
