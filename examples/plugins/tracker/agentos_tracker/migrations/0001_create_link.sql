-- A read model: which work order stands for which ticket.
create table tracker.link (
    ticket     text primary key,
    work_order text not null unique
);
-- What the tracker has to be told. Not a read model: it remembers what left the house.
create table tracker.delivery (
    position bigint      primary key,  -- of the event
    ticket   text        not null,
    key      text        not null,     -- by which the tracker knows a repetition
    state    jsonb       not null,
    due_at   timestamptz not null,
    attempts integer     not null default 0,
    error    text,
    sent_at  timestamptz
);
create index delivery_due on tracker.delivery (ticket, position) where sent_at is null;
