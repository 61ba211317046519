-- Operational state: which resources the clients of a revision before 2026-07-28 want to hear of.
-- Later revisions say it with the stream they listen to. Who comes back subscribes again.
create table kernel.resource_subscription (
    -- A digest of the client's session id and of its credentials.
    session_key   text        not null check (length(session_key) = 64),
    uri           text        not null check (length(uri) between 1 and 2048),
    subscribed_at timestamptz not null,
    primary key (session_key, uri)
);
create index resource_subscription_age on kernel.resource_subscription (subscribed_at);
