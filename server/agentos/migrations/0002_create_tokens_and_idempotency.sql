-- Bearer tokens: the secret itself is never stored, only its SHA-256.
create table kernel.token (
    id          text        primary key,
    secret_hash text        not null unique check (length(secret_hash) = 64),
    worker      text        not null check (length(worker) between 1 and 200),
    role        text        not null check (role in ('worker', 'reviewer', 'planner', 'admin', 'bot')),
    person      text        check (length(person) between 1 and 200),
    created_at  timestamptz not null,
    expires_at  timestamptz,
    revoked_at  timestamptz
);

-- The first result of a write, returned to whoever repeats it with the same key.
create table kernel.idempotency (
    principal        text        not null,
    role             text        not null,
    key              text        not null,
    tool             text        not null,
    arguments_sha256 text        not null,
    result           text        not null,
    call             text        not null,
    created_at       timestamptz not null,
    primary key (principal, key)
);
