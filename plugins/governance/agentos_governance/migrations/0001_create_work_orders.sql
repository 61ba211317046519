-- Read models: every row of these tables is a function of the events (see projections.py).
create table governance.work_order (
    id               text        primary key,
    title            text        not null,
    objective        text        not null,
    phase            text        not null,
    role             text        not null,
    priority         int         not null,
    repo             text,
    parent           text        references governance.work_order (id) deferrable,
    contract         jsonb       not null,
    contract_version text        not null,
    created_by       text        not null,
    created_at       timestamptz not null,
    -- blocked -> ready (last dependency completed) -> active (claimed)
    -- active -> suspended (lease expired or stood down) -> active (claimed again)
    -- active -> in_review (gates passed) -> completed | suspended (changes requested) | failed
    -- active -> completed (gates passed, no review required); any open state -> cancelled
    state            text        not null check (state in ('blocked', 'ready', 'active', 'suspended',
                                             'in_review', 'completed', 'failed', 'cancelled')),
    worker           text,
    epoch            bigint      not null default 0 check (epoch >= 0),
    first_claimed_at timestamptz,
    workspace        text,
    branch           text,
    base_commit      text,
    summary          text,
    packet_sha256    text,
    ended_at         timestamptz
);
create index work_order_claimable on governance.work_order (priority desc, created_at, id)
 where state in ('ready', 'suspended', 'active');
create index work_order_parent on governance.work_order (parent) where parent is not null;

create table governance.dependency (
    work_order text not null,
    depends_on text not null,
    primary key (work_order, depends_on)
);
create index dependency_on on governance.dependency (depends_on);

create table governance.claim (
    work_order text        not null,
    epoch      bigint      not null,
    worker     text        not null,
    person     text,
    claimed_at timestamptz not null,
    primary key (work_order, epoch)
);

create table governance.evidence (
    id         text        primary key,
    work_order text        not null,
    kind       text        not null,
    claim      text        not null,
    path       text,
    start_line int,
    end_line   int,
    sha256     text        not null,
    level      text        not null check (level in ('observed', 'reviewed', 'reported')),
    worker     text        not null,
    created_at timestamptz not null,
    event_hash text        not null
);
create index evidence_work_order on governance.evidence (work_order, created_at, id);

create table governance.vote (
    work_order    text        not null,
    packet_sha256 text        not null,
    voter         text        not null,
    reviewer      text        not null,
    is_human      boolean     not null,
    verdict       text        not null check (verdict in ('approve', 'request_changes', 'reject')),
    reason        text        not null,
    findings      jsonb       not null,
    voted_at      timestamptz not null,
    primary key (work_order, packet_sha256, voter)
);

-- One line per paid action; money is exact decimal.
create table governance.ledger (
    work_order          text            not null,
    request_id          text            not null,
    phase               text            not null,
    role                text            not null,
    model               text            not null,
    action              text            not null,
    worker              text            not null,
    input_tokens        bigint          not null check (input_tokens >= 0),
    output_tokens       bigint          not null check (output_tokens >= 0),
    cached_input_tokens bigint          not null check (cached_input_tokens >= 0),
    usd                 numeric(24, 10) not null check (usd >= 0),
    recorded_at         timestamptz     not null,
    primary key (work_order, request_id)
);
create index ledger_time on governance.ledger (recorded_at);
