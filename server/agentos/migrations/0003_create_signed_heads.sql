-- Copies of the signed heads, so that they travel with backups; the originals lie outside the
-- database, in the data folder's anchors. One chain for each data folder that signs this log.
create table kernel.signed_head (
    chain    text   not null check (length(chain) = 32),
    number   bigint not null check (number > 0),
    position bigint not null check (position >= 0),
    digest   text   not null check (length(digest) = 64),
    document text   not null,
    primary key (chain, number)
);

-- Remembered results are kept for a time; the sweep walks along this index.
create index idempotency_age on kernel.idempotency (created_at);

-- What calls under work orders answered, redacted, by the digest that call.finished names: for
-- `agentos replay`. Not a record: the digest in the log is.
create table kernel.call_result (
    sha256      text        primary key check (length(sha256) = 64),
    result      text        not null,
    is_redacted bool        not null,
    kept_at     timestamptz not null
);
create index call_result_age on kernel.call_result (kept_at);
