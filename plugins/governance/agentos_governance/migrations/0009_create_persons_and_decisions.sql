-- Read models: every row of these tables follows from the events, save of the last two.
-- Who may decide. `name` is what tokens bind (`--person`); both keys make one person of what reads
-- the same, however it is written.
create table governance.person (
    name        text        primary key,
    person_key  text        not null unique,
    email       text,
    email_key   text        unique,
    roles       text[]      not null,
    escalation  int         check (escalation > 0),
    is_active   boolean     not null,
    created_at  timestamptz not null,
    created_by  text        not null,
    check ((email is null) = (email_key is null))
);
create index person_escalation on governance.person (escalation, name) where escalation is not null;

-- By what name a channel knows a person; unlinking deletes the row.
create table governance.identity (
    channel     text        not null,
    external_id text        not null,
    person      text        not null references governance.person (name) deferrable,
    proof       text        not null check (proof in ('email', 'code')),
    linked_at   timestamptz not null,
    linked_by   text        not null,
    primary key (channel, external_id)
);
create index identity_person on governance.identity (person);

-- A one-time code that links an identity to a person; only its digest is known here.
create table governance.link_code (
    code_sha256 text        primary key,
    person      text        not null references governance.person (name) deferrable,
    created_at  timestamptz not null,
    created_by  text        not null,
    expires_at  timestamptz not null,
    used_at     timestamptz
);
create index link_code_person on governance.link_code (person, created_at desc);

-- Codes and addresses that linked nobody: too many of them, and nobody is heard for a while.
create table governance.link_refusal (
    event_hash  text        primary key,
    channel     text        not null,
    external_id text        not null,
    refused_at  timestamptz not null
);
create index link_refusal_recent on governance.link_refusal (channel, refused_at desc);

-- What a running agent wants a person to decide.
create table governance.decision_request (
    id             text        primary key,
    kind           text        not null check (kind in ('approve_plan', 'choose_option',
                                                        'provide_context', 'label_outcome')),
    -- open -> approved (a person decided, or answered) | rejected (a person, with a reason)
    -- open -> expired (nobody decided in time) | cancelled (the work order ended, or it was taken back)
    state          text        not null check (state in ('open', 'approved', 'rejected', 'expired',
                                                         'cancelled')),
    title          text        not null,
    body           text        not null,
    options        jsonb       not null,
    sha256         text        not null,
    stream         text        not null,
    work_order     text,
    worker         text        not null,
    person         text,
    role           text        not null,
    model          text,
    opened_at      timestamptz not null,
    expires_at     timestamptz not null,
    verdict        text        check (verdict in ('approve', 'request_changes', 'reject', 'answer')),
    reason         text,
    categories     text[]      not null default '{}',
    answer         jsonb,
    decided_by     text,
    decided_person text,
    ended_at       timestamptz,
    check ((state = 'open') = (ended_at is null)),
    check ((verdict is not null) = (state in ('approved', 'rejected')))
);
create index decision_request_open on governance.decision_request (opened_at, id) where state = 'open';
create index decision_request_worker on governance.decision_request (worker, opened_at desc);
create index decision_request_order on governance.decision_request (work_order, opened_at desc);

-- What a reviewer asked the worker of something that waits, and what came back.
create table governance.question (
    id          text        primary key,
    review      text        not null,
    stream      text        not null,
    work_order  text,
    worker      text,
    asked_by    text        not null,
    question    text        not null,
    observation text,
    asked_at    timestamptz not null,
    answer      text,
    answered_by text,
    answered_at timestamptz,
    check ((answer is null) = (answered_at is null))
);
create index question_review on governance.question (review, asked_at);
create index question_open on governance.question (work_order, asked_at) where answer is null;

-- No read models: what channels have posted, and how far they have read. Losing them posts twice.
-- `claim` is the fencing token of whoever posts now; a claimant after a dead one has a higher attempt.
create table governance.channel_post (
    channel          text        not null,
    subject          text        not null,
    part             text        not null,
    message_ref      text,
    rendered_version int,
    recorded_at      timestamptz,
    claim            text        unique,
    last_claim       text,
    claimed_by       text,
    lease_expires_at timestamptz,
    attempt          int         not null default 0 check (attempt >= 0),
    primary key (channel, subject, part),
    check ((message_ref is null) = (rendered_version is null)),
    check ((claim is null) = (lease_expires_at is null))
);
create table governance.channel_cursor (
    channel   text        primary key,
    position  bigint      not null check (position >= 0),
    saved_at  timestamptz not null,
    saved_by  text        not null
);
