-- Operational state: how far each sink of events is. Not a function of the events; a sink whose
-- cursor is lost gets everything again, under the same event ids.
create table kernel.outbox_cursor (
    sink       text        primary key check (length(sink) between 1 and 300),
    position   bigint      not null check (position >= 0),
    -- Somebody wants everything after position again, whatever the bus still has.
    is_rewound boolean     not null default false,
    updated_at timestamptz not null
) with (fillfactor = 50);

-- Who is told about which events. The secret is encrypted; its key is not in the database.
create table kernel.webhook (
    id             text        primary key,
    url            text        not null check (length(url) between 1 and 2000),
    event_types    text[]      not null check (cardinality(event_types) between 1 and 50),
    concurrency    int         not null check (concurrency between 1 and 16),
    sealed_secret  bytea       not null,
    -- Events up to here happened before the webhook was added.
    after_position bigint      not null check (after_position >= 0),
    created_by     text        not null,
    created_at     timestamptz not null
);

-- One event for one webhook.
create table kernel.webhook_delivery (
    id              bigint      generated always as identity primary key,
    webhook         text        not null references kernel.webhook (id) on delete cascade,
    position        bigint      not null,
    -- pending -> delivered (a 2xx answer) | dead (every attempt failed); dead -> pending (retried)
    state           text        not null check (state in ('pending', 'delivered', 'dead')),
    attempts        int         not null default 0 check (attempts >= 0),
    next_attempt_at timestamptz not null,
    attempted_at    timestamptz,
    status          int,
    error           text        check (length(error) <= 1000),
    unique (webhook, position)
);
create index webhook_delivery_pending on kernel.webhook_delivery (webhook, position)
 where state = 'pending';
create index webhook_delivery_delivered on kernel.webhook_delivery (attempted_at)
 where state = 'delivered';
