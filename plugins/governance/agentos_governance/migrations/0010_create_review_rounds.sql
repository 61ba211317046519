-- Read models: every row of these tables follows from the events (see review/events.py).
-- One row for each packet that was submitted for review; its outcome is exactly one.
create table governance.review_round (
    id               text        primary key,
    work_order       text        not null,
    number           int         not null check (number > 0),
    packet_sha256    text        not null,
    contract_version text        not null,
    -- open -> approved | rejected (a verdict: request_changes or reject)
    -- open -> expired (nobody decided in time) | cancelled (the work order ended)
    -- open -> superseded (another packet was submitted)
    state            text        not null check (state in ('open', 'approved', 'rejected', 'expired',
                                                           'cancelled', 'superseded')),
    verdict          text        check (verdict in ('approve', 'request_changes', 'reject')),
    reason           text,
    decided_by       text,
    decided_person   text,
    n_blocking       int         not null check (n_blocking >= 0),
    n_overrides      int         not null default 0 check (n_overrides >= 0),
    -- What was shown: paths with digests, digests of evidence; null: too many to compare.
    items            jsonb,
    -- Against the round before; null: there is none, or one of both is not comparable.
    what_changed     jsonb,
    opened_at        timestamptz not null,
    ended_at         timestamptz,
    unique (work_order, number),
    check ((state = 'open') = (ended_at is null)),
    check ((verdict is not null) = (state in ('approved', 'rejected')))
);
create unique index review_round_open on governance.review_round (work_order) where state = 'open';
create index review_round_ended on governance.review_round (ended_at) where state <> 'open';

-- When people are reminded of something that waits for one of them, others asked, and it expires:
-- one row for each review, approval and decision; ended_at is null while it waits.
create table governance.review_clock (
    review        text        primary key,
    kind          text        not null check (kind in ('work', 'approval', 'decision')),
    stream        text        not null,
    version       int         not null check (version > 0),
    opened_at     timestamptz not null,
    due_at        timestamptz not null,
    expires_at    timestamptz not null,
    remind_at     timestamptz,
    escalate_at   timestamptz,
    snoozed_until timestamptz,
    assigned_to   text,
    n_reminders   int         not null default 0 check (n_reminders >= 0),
    n_escalations int         not null default 0 check (n_escalations >= 0),
    schedule      jsonb       not null,
    ended_at      timestamptz
);
create index review_clock_reminders on governance.review_clock (remind_at) where ended_at is null;
create index review_clock_escalations on governance.review_clock (escalate_at) where ended_at is null;
create index review_clock_expiry on governance.review_clock (expires_at) where ended_at is null;

-- Still a read model. `carried_from` is the packet on which a vote was given that still holds;
-- `person` whom the reviewer's token named; `override_reason` why, in spite of a blocking finding.
alter table governance.vote
    add column carried_from    text,
    add column person          text,
    add column override_reason text;
