CREATE SCHEMA governance;
CREATE TABLE governance.budget (
    work_order text NOT NULL,
    cap_usd numeric(24,10) NOT NULL,
    held_usd numeric(24,10) DEFAULT 0 NOT NULL,
    spent_usd numeric(24,10) DEFAULT 0 NOT NULL,
    CONSTRAINT budget_cap_usd_check CHECK ((cap_usd >= (0)::numeric)),
    CONSTRAINT budget_check CHECK (((spent_usd + held_usd) <= cap_usd)),
    CONSTRAINT budget_held_usd_check CHECK ((held_usd >= (0)::numeric)),
    CONSTRAINT budget_spent_usd_check CHECK ((spent_usd >= (0)::numeric))
)
WITH (fillfactor='70');
CREATE TABLE governance.claim (
    work_order text NOT NULL,
    epoch bigint NOT NULL,
    worker text NOT NULL,
    person text,
    claimed_at timestamp with time zone NOT NULL
);
CREATE TABLE governance.dependency (
    work_order text NOT NULL,
    depends_on text NOT NULL
);
CREATE TABLE governance.evidence (
    id text NOT NULL,
    work_order text NOT NULL,
    kind text NOT NULL,
    claim text NOT NULL,
    path text,
    start_line integer,
    end_line integer,
    sha256 text NOT NULL,
    level text NOT NULL,
    worker text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    event_hash text NOT NULL,
    CONSTRAINT evidence_level_check CHECK ((level = ANY (ARRAY['observed'::text, 'reviewed'::text, 'reported'::text])))
);
CREATE TABLE governance.hold (
    call text NOT NULL,
    work_order text NOT NULL,
    usd numeric(24,10) NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT hold_usd_check CHECK ((usd > (0)::numeric))
);
CREATE TABLE governance.lease (
    work_order text NOT NULL,
    worker text NOT NULL,
    epoch bigint NOT NULL,
    ttl_s integer NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT lease_epoch_check CHECK ((epoch > 0)),
    CONSTRAINT lease_ttl_s_check CHECK ((ttl_s > 0))
)
WITH (fillfactor='70');
CREATE TABLE governance.ledger (
    work_order text NOT NULL,
    request_id text NOT NULL,
    phase text NOT NULL,
    role text NOT NULL,
    model text NOT NULL,
    action text NOT NULL,
    worker text NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    usd numeric(24,10) NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    CONSTRAINT ledger_cached_input_tokens_check CHECK ((cached_input_tokens >= 0)),
    CONSTRAINT ledger_input_tokens_check CHECK ((input_tokens >= 0)),
    CONSTRAINT ledger_output_tokens_check CHECK ((output_tokens >= 0)),
    CONSTRAINT ledger_usd_check CHECK ((usd >= (0)::numeric))
);
CREATE TABLE governance.vote (
    work_order text NOT NULL,
    packet_sha256 text NOT NULL,
    voter text NOT NULL,
    reviewer text NOT NULL,
    is_human boolean NOT NULL,
    verdict text NOT NULL,
    reason text NOT NULL,
    findings jsonb NOT NULL,
    voted_at timestamp with time zone NOT NULL,
    CONSTRAINT vote_verdict_check CHECK ((verdict = ANY (ARRAY['approve'::text, 'request_changes'::text, 'reject'::text])))
);
CREATE TABLE governance.work_order (
    id text NOT NULL,
    title text NOT NULL,
    objective text NOT NULL,
    phase text NOT NULL,
    role text NOT NULL,
    priority integer NOT NULL,
    repo text,
    parent text,
    contract jsonb NOT NULL,
    contract_version text NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    worker text,
    epoch bigint DEFAULT 0 NOT NULL,
    first_claimed_at timestamp with time zone,
    workspace text,
    branch text,
    base_commit text,
    summary text,
    packet_sha256 text,
    ended_at timestamp with time zone,
    CONSTRAINT work_order_epoch_check CHECK ((epoch >= 0)),
    CONSTRAINT work_order_state_check CHECK ((state = ANY (ARRAY['blocked'::text, 'ready'::text, 'active'::text, 'suspended'::text, 'in_review'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])))
);
ALTER TABLE ONLY governance.budget
    ADD CONSTRAINT budget_pkey PRIMARY KEY (work_order);
ALTER TABLE ONLY governance.claim
    ADD CONSTRAINT claim_pkey PRIMARY KEY (work_order, epoch);
ALTER TABLE ONLY governance.dependency
    ADD CONSTRAINT dependency_pkey PRIMARY KEY (work_order, depends_on);
ALTER TABLE ONLY governance.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (id);
ALTER TABLE ONLY governance.hold
    ADD CONSTRAINT hold_pkey PRIMARY KEY (call);
ALTER TABLE ONLY governance.lease
    ADD CONSTRAINT lease_pkey PRIMARY KEY (work_order);
ALTER TABLE ONLY governance.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (work_order, request_id);
ALTER TABLE ONLY governance.vote
    ADD CONSTRAINT vote_pkey PRIMARY KEY (work_order, packet_sha256, voter);
ALTER TABLE ONLY governance.work_order
    ADD CONSTRAINT work_order_pkey PRIMARY KEY (id);
CREATE INDEX dependency_on ON governance.dependency USING btree (depends_on);
CREATE INDEX evidence_work_order ON governance.evidence USING btree (work_order, created_at, id);
CREATE INDEX hold_expiry ON governance.hold USING btree (expires_at);
CREATE INDEX lease_expiry ON governance.lease USING btree (expires_at);
CREATE INDEX lease_worker ON governance.lease USING btree (worker);
CREATE INDEX ledger_time ON governance.ledger USING btree (recorded_at);
CREATE INDEX work_order_claimable ON governance.work_order USING btree (priority DESC, created_at, id) WHERE (state = ANY (ARRAY['ready'::text, 'suspended'::text, 'active'::text]));
CREATE INDEX work_order_parent ON governance.work_order USING btree (parent) WHERE (parent IS NOT NULL);
ALTER TABLE ONLY governance.budget
    ADD CONSTRAINT budget_work_order_fkey FOREIGN KEY (work_order) REFERENCES governance.work_order(id) DEFERRABLE;
ALTER TABLE ONLY governance.hold
    ADD CONSTRAINT hold_work_order_fkey FOREIGN KEY (work_order) REFERENCES governance.budget(work_order);
ALTER TABLE ONLY governance.lease
    ADD CONSTRAINT lease_work_order_fkey FOREIGN KEY (work_order) REFERENCES governance.work_order(id) DEFERRABLE;
ALTER TABLE ONLY governance.work_order
    ADD CONSTRAINT work_order_parent_fkey FOREIGN KEY (parent) REFERENCES governance.work_order(id) DEFERRABLE;
