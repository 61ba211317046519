CREATE SCHEMA gateway;
CREATE TABLE gateway.condition (
    server text NOT NULL,
    process text NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    is_connected boolean NOT NULL,
    breaker text NOT NULL,
    last_failure text,
    CONSTRAINT condition_breaker_check CHECK ((breaker = ANY (ARRAY['closed'::text, 'half_open'::text, 'open'::text])))
);
CREATE TABLE gateway.definition (
    digest text NOT NULL,
    text text NOT NULL,
    CONSTRAINT definition_digest_check CHECK ((digest ~ '^[0-9a-f]{64}$'::text))
);
CREATE TABLE gateway.listing (
    server text NOT NULL,
    kind text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    new text[] NOT NULL,
    changed text[] NOT NULL,
    missing text[] NOT NULL,
    CONSTRAINT listing_kind_check CHECK ((kind = ANY (ARRAY['tool'::text, 'prompt'::text, 'resource'::text, 'template'::text])))
);
CREATE TABLE gateway.pin (
    server text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    digest text NOT NULL,
    approved_by text NOT NULL,
    approved_at timestamp with time zone NOT NULL,
    CONSTRAINT pin_kind_check CHECK ((kind = ANY (ARRAY['tool'::text, 'prompt'::text, 'resource'::text, 'template'::text])))
);
ALTER TABLE ONLY gateway.condition
    ADD CONSTRAINT condition_pkey PRIMARY KEY (server, process);
ALTER TABLE ONLY gateway.definition
    ADD CONSTRAINT definition_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY gateway.listing
    ADD CONSTRAINT listing_pkey PRIMARY KEY (server, kind);
ALTER TABLE ONLY gateway.pin
    ADD CONSTRAINT pin_pkey PRIMARY KEY (server, kind, name);
