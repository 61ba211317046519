-- Operational state: from which level on a client of a revision before 2026-07-28 wants to hear what
-- its calls log. Later revisions say it with each request. No row: everything.
create table kernel.log_level (
    -- A digest of the client's session id and of its credentials.
    session_key text        primary key check (length(session_key) = 64),
    level       text        not null check (level in ('debug', 'info', 'notice', 'warning', 'error',
                                                      'critical', 'alert', 'emergency')),
    set_at      timestamptz not null
);
create index log_level_age on kernel.log_level (set_at);
