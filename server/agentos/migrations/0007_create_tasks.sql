-- Operational state: calls that outlive the request they came by (MCP's extension for tasks). What was
-- called, by whom and with what outcome is in the log of events; here is who runs it now, and the
-- answer until its client has come for it.
create table kernel.task (
    id               text        primary key check (length(id) between 20 and 60),
    -- Whose it is; nobody else learns that it exists.
    principal        text        not null,
    role             text        not null,
    person           text,
    token_id         text,
    is_local         boolean     not null,
    tool             text        not null,
    -- The dispatch that runs, or ran last: `call.allowed` of it in the log says that its body began.
    call             text        not null,
    -- What is dispatched again, as JSON; nothing once the task has ended.
    request          text,
    -- working -> completed | failed | cancelled. It waits for its client while a question is open.
    status           text        not null check (status in ('working', 'completed', 'failed', 'cancelled')),
    message          text,
    -- The review it waits for.
    review_id        text,
    -- Its body waits for answers, and has written nothing yet.
    is_parked        boolean     not null default false,
    -- Kinds of questions that the client can answer.
    askable          text[]      not null,
    -- The result of a completed task or the error of a failed one, as JSON.
    outcome          text,
    owner            text        not null,
    lease_expires_at timestamptz not null,
    -- How often its body began.
    n_runs           int         not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    expires_at       timestamptz not null,
    check ((outcome is not null) = (status in ('completed', 'failed'))),
    check ((request is not null) = (status = 'working'))
);
create index task_lease on kernel.task (lease_expires_at) where status = 'working';
create index task_principal on kernel.task (principal) where status = 'working';
create index task_age on kernel.task (expires_at);

-- What a task asks its client, and what came back.
create table kernel.task_question (
    task_id  text not null references kernel.task (id) on delete cascade,
    -- Names the question to the client; never used for a second one.
    key      text not null check (length(key) between 1 and 200),
    name     text not null,
    -- Of the question as it was put: an answer belongs to no other of the same name.
    sha256   text not null check (length(sha256) = 64),
    question text not null,
    answer   text,
    primary key (task_id, key),
    unique (task_id, name, sha256)
);
