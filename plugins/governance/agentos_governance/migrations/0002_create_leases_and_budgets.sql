-- Keys into read models are deferrable, since a rebuild empties and refills those tables.
-- Operational state: who holds what until when. It is not rebuilt from events; a lost row reads
-- as an expired lease, and a worker then claims again.
create table governance.lease (
    work_order text        primary key references governance.work_order (id) deferrable,
    worker     text        not null,
    epoch      bigint      not null check (epoch > 0),
    ttl_s      int         not null check (ttl_s > 0),
    expires_at timestamptz not null
) with (fillfactor = 70);
create index lease_worker on governance.lease (worker);
create index lease_expiry on governance.lease (expires_at);

-- spent is the sum of the ledger, kept beside the cap so that one statement admits and books.
create table governance.budget (
    work_order text            primary key references governance.work_order (id) deferrable,
    cap_usd    numeric(24, 10) not null check (cap_usd >= 0),
    held_usd   numeric(24, 10) not null default 0 check (held_usd >= 0),
    spent_usd  numeric(24, 10) not null default 0 check (spent_usd >= 0),
    check (spent_usd + held_usd <= cap_usd)
) with (fillfactor = 70);

-- Money set aside for a call that runs now; expired holds are released by the sweeper.
create table governance.hold (
    call       text            primary key,
    work_order text            not null references governance.budget (work_order),
    usd        numeric(24, 10) not null check (usd > 0),
    expires_at timestamptz     not null
);
create index hold_expiry on governance.hold (expires_at);
