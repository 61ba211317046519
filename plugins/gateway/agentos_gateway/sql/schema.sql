CREATE SCHEMA gateway;
CREATE TABLE gateway.definition (
    digest text NOT NULL,
    text text NOT NULL,
    CONSTRAINT definition_digest_check CHECK ((digest ~ '^[0-9a-f]{64}$'::text))
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
ALTER TABLE ONLY gateway.definition
    ADD CONSTRAINT definition_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY gateway.pin
    ADD CONSTRAINT pin_pkey PRIMARY KEY (server, kind, name);
