CREATE SCHEMA kernel;
CREATE FUNCTION kernel.append_event(to_stream text, event_type text, by_actor text, at_time timestamp with time zone, event_data text, before_position text, after_seq text) RETURNS TABLE(seq bigint, prev_hash text, "position" bigint, hash text)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    head_seq  bigint;
    head_hash text;
    drawn     bigint;
    hashed    text;
begin
    select h.seq, h.hash into head_seq, head_hash
      from kernel.stream h where h.stream = to_stream for update skip locked;
    if found then
        drawn := nextval('kernel.event_position');
    else
        select h.seq, h.hash, h.positions[1] into head_seq, head_hash, drawn
          from kernel.begin_append(array[to_stream], array[1], false) h;
        if not found then
            return;
        end if;
    end if;
    hashed := encode(sha256(convert_to(
        before_position || drawn || ',"prev_hash":"' || head_hash || '","seq":' || head_seq + 1
        || after_seq, 'UTF8')), 'hex');
    insert into kernel.event (position, stream, seq, type, actor, at, data, prev_hash, hash)
    values (drawn, to_stream, head_seq + 1, event_type, by_actor, at_time, event_data::jsonb,
            head_hash, hashed);
    update kernel.stream h set seq = head_seq + 1, hash = hashed where h.stream = to_stream;
    return query select head_seq + 1, head_hash, drawn, hashed;
end $$;
CREATE FUNCTION kernel.append_two_events(to_stream text, type_1 text, actor_1 text, at_1 timestamp with time zone, data_1 text, before_1 text, after_1 text, type_2 text, actor_2 text, at_2 timestamp with time zone, data_2 text, before_2 text, after_2 text) RETURNS TABLE(seq bigint, prev_hash text, "position" bigint, hash text)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    head_seq   bigint;
    head_hash  text;
    position_1 bigint;
    position_2 bigint;
    hash_1     text;
    hash_2     text;
begin
    select h.seq, h.hash into head_seq, head_hash
      from kernel.stream h where h.stream = to_stream for update skip locked;
    if found then
        position_1 := nextval('kernel.event_position');
        position_2 := nextval('kernel.event_position');
    else
        select h.seq, h.hash, h.positions[1], h.positions[2]
          into head_seq, head_hash, position_1, position_2
          from kernel.begin_append(array[to_stream], array[2], false) h;
        if not found then
            return;
        end if;
    end if;
    hash_1 := encode(sha256(convert_to(
        before_1 || position_1 || ',"prev_hash":"' || head_hash || '","seq":' || head_seq + 1
        || after_1, 'UTF8')), 'hex');
    hash_2 := encode(sha256(convert_to(
        before_2 || position_2 || ',"prev_hash":"' || hash_1 || '","seq":' || head_seq + 2
        || after_2, 'UTF8')), 'hex');
    insert into kernel.event (position, stream, seq, type, actor, at, data, prev_hash, hash)
    values (position_1, to_stream, head_seq + 1, type_1, actor_1, at_1, data_1::jsonb, head_hash,
            hash_1),
           (position_2, to_stream, head_seq + 2, type_2, actor_2, at_2, data_2::jsonb, hash_1,
            hash_2);
    update kernel.stream h set seq = head_seq + 2, hash = hash_2 where h.stream = to_stream;
    return query values (head_seq + 1, head_hash, position_1, hash_1),
                        (head_seq + 2, hash_1, position_2, hash_2);
end $$;
CREATE FUNCTION kernel.begin_append(streams text[], counts integer[], wait boolean) RETURNS TABLE(stream text, seq bigint, hash text, positions bigint[])
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    fresh  text;
    locked text[];
begin
    for fresh in
        select s from unnest(streams) s
         where not exists (select 1 from kernel.stream h where h.stream = s)
         order by s
    loop
        if wait then
            perform pg_advisory_xact_lock(hashtextextended('kernel.stream/' || fresh, 0));
        elsif not pg_try_advisory_xact_lock(hashtextextended('kernel.stream/' || fresh, 0)) then
            continue;
        end if;
        insert into kernel.stream (stream, seq, hash) values (fresh, 0, repeat('0', 64))
        on conflict do nothing;
    end loop;
    if wait then
        perform 1 from kernel.stream h where h.stream = any (streams) order by h.stream for update;
        locked := streams;
    else
        select array_agg(free.stream) into locked
          from (select h.stream from kernel.stream h where h.stream = any (streams)
                 order by h.stream for update skip locked) free;
    end if;
    return query
         select h.stream, h.seq, h.hash,
                array(select nextval('kernel.event_position') from generate_series(1, w.n))
           from unnest(streams, counts) as w (stream, n)
           join kernel.stream h on h.stream = w.stream
          where h.stream = any (locked)
          order by h.stream;
end $$;
CREATE TABLE kernel.call_result (
    sha256 text NOT NULL,
    result text NOT NULL,
    is_redacted boolean NOT NULL,
    kept_at timestamp with time zone NOT NULL,
    CONSTRAINT call_result_sha256_check CHECK ((length(sha256) = 64))
);
CREATE TABLE kernel.event (
    "position" bigint NOT NULL,
    stream text NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    actor text NOT NULL,
    at timestamp with time zone NOT NULL,
    data jsonb NOT NULL,
    prev_hash text NOT NULL,
    hash text NOT NULL,
    CONSTRAINT event_actor_check CHECK (((length(actor) >= 1) AND (length(actor) <= 200))),
    CONSTRAINT event_hash_check CHECK ((length(hash) = 64)),
    CONSTRAINT event_prev_hash_check CHECK ((length(prev_hash) = 64)),
    CONSTRAINT event_seq_check CHECK ((seq > 0)),
    CONSTRAINT event_stream_check CHECK (((length(stream) >= 1) AND (length(stream) <= 200))),
    CONSTRAINT event_type_check CHECK (((length(type) >= 1) AND (length(type) <= 100)))
);
CREATE SEQUENCE kernel.event_position
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE kernel.idempotency (
    principal text NOT NULL,
    role text NOT NULL,
    key text NOT NULL,
    tool text NOT NULL,
    arguments_sha256 text NOT NULL,
    result text NOT NULL,
    call text NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE kernel.log_level (
    session_key text NOT NULL,
    level text NOT NULL,
    set_at timestamp with time zone NOT NULL,
    CONSTRAINT log_level_level_check CHECK ((level = ANY (ARRAY['debug'::text, 'info'::text, 'notice'::text, 'warning'::text, 'error'::text, 'critical'::text, 'alert'::text, 'emergency'::text]))),
    CONSTRAINT log_level_session_key_check CHECK ((length(session_key) = 64))
);
CREATE TABLE kernel.migration (
    schema text NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE kernel.outbox_cursor (
    sink text NOT NULL,
    "position" bigint NOT NULL,
    is_rewound boolean DEFAULT false NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT outbox_cursor_position_check CHECK (("position" >= 0)),
    CONSTRAINT outbox_cursor_sink_check CHECK (((length(sink) >= 1) AND (length(sink) <= 300)))
)
WITH (fillfactor='50');
CREATE TABLE kernel.resource_subscription (
    session_key text NOT NULL,
    uri text NOT NULL,
    subscribed_at timestamp with time zone NOT NULL,
    CONSTRAINT resource_subscription_session_key_check CHECK ((length(session_key) = 64)),
    CONSTRAINT resource_subscription_uri_check CHECK (((length(uri) >= 1) AND (length(uri) <= 2048)))
);
CREATE TABLE kernel.signed_head (
    chain text NOT NULL,
    number bigint NOT NULL,
    "position" bigint NOT NULL,
    digest text NOT NULL,
    document text NOT NULL,
    CONSTRAINT signed_head_chain_check CHECK ((length(chain) = 32)),
    CONSTRAINT signed_head_digest_check CHECK ((length(digest) = 64)),
    CONSTRAINT signed_head_number_check CHECK ((number > 0)),
    CONSTRAINT signed_head_position_check CHECK (("position" >= 0))
);
CREATE TABLE kernel.stream (
    stream text NOT NULL,
    seq bigint NOT NULL,
    hash text NOT NULL,
    CONSTRAINT stream_hash_check CHECK ((length(hash) = 64)),
    CONSTRAINT stream_seq_check CHECK ((seq >= 0))
)
WITH (fillfactor='50');
CREATE TABLE kernel.task (
    id text NOT NULL,
    principal text NOT NULL,
    role text NOT NULL,
    person text,
    token_id text,
    is_local boolean NOT NULL,
    tool text NOT NULL,
    call text NOT NULL,
    request text,
    status text NOT NULL,
    message text,
    review_id text,
    is_parked boolean DEFAULT false NOT NULL,
    askable text[] NOT NULL,
    outcome text,
    owner text NOT NULL,
    lease_expires_at timestamp with time zone NOT NULL,
    n_runs integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT task_check CHECK (((outcome IS NOT NULL) = (status = ANY (ARRAY['completed'::text, 'failed'::text])))),
    CONSTRAINT task_check1 CHECK (((request IS NOT NULL) = (status = 'working'::text))),
    CONSTRAINT task_id_check CHECK (((length(id) >= 20) AND (length(id) <= 60))),
    CONSTRAINT task_status_check CHECK ((status = ANY (ARRAY['working'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])))
);
CREATE TABLE kernel.task_question (
    task_id text NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    question text NOT NULL,
    answer text,
    CONSTRAINT task_question_key_check CHECK (((length(key) >= 1) AND (length(key) <= 200))),
    CONSTRAINT task_question_sha256_check CHECK ((length(sha256) = 64))
);
CREATE TABLE kernel.token (
    id text NOT NULL,
    secret_hash text NOT NULL,
    worker text NOT NULL,
    role text NOT NULL,
    person text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    profile text,
    CONSTRAINT token_person_check CHECK (((length(person) >= 1) AND (length(person) <= 200))),
    CONSTRAINT token_profile_check CHECK ((profile = ANY (ARRAY['worker'::text, 'reviewer'::text, 'planner'::text, 'admin'::text, 'bot'::text, 'all'::text]))),
    CONSTRAINT token_role_check CHECK ((role = ANY (ARRAY['worker'::text, 'reviewer'::text, 'planner'::text, 'admin'::text, 'bot'::text]))),
    CONSTRAINT token_secret_hash_check CHECK ((length(secret_hash) = 64)),
    CONSTRAINT token_worker_check CHECK (((length(worker) >= 1) AND (length(worker) <= 200)))
);
CREATE TABLE kernel.webhook (
    id text NOT NULL,
    url text NOT NULL,
    event_types text[] NOT NULL,
    concurrency integer NOT NULL,
    sealed_secret bytea NOT NULL,
    after_position bigint NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT webhook_after_position_check CHECK ((after_position >= 0)),
    CONSTRAINT webhook_concurrency_check CHECK (((concurrency >= 1) AND (concurrency <= 16))),
    CONSTRAINT webhook_event_types_check CHECK (((cardinality(event_types) >= 1) AND (cardinality(event_types) <= 50))),
    CONSTRAINT webhook_url_check CHECK (((length(url) >= 1) AND (length(url) <= 2000)))
);
CREATE TABLE kernel.webhook_delivery (
    id bigint NOT NULL,
    webhook text NOT NULL,
    "position" bigint NOT NULL,
    state text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    attempted_at timestamp with time zone,
    status integer,
    error text,
    CONSTRAINT webhook_delivery_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT webhook_delivery_error_check CHECK ((length(error) <= 1000)),
    CONSTRAINT webhook_delivery_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'dead'::text])))
);
ALTER TABLE kernel.webhook_delivery ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kernel.webhook_delivery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY kernel.call_result
    ADD CONSTRAINT call_result_pkey PRIMARY KEY (sha256);
ALTER TABLE ONLY kernel.event
    ADD CONSTRAINT event_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY kernel.event
    ADD CONSTRAINT event_stream_seq_key UNIQUE (stream, seq);
ALTER TABLE ONLY kernel.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (principal, key);
ALTER TABLE ONLY kernel.log_level
    ADD CONSTRAINT log_level_pkey PRIMARY KEY (session_key);
ALTER TABLE ONLY kernel.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (schema, version);
ALTER TABLE ONLY kernel.outbox_cursor
    ADD CONSTRAINT outbox_cursor_pkey PRIMARY KEY (sink);
ALTER TABLE ONLY kernel.resource_subscription
    ADD CONSTRAINT resource_subscription_pkey PRIMARY KEY (session_key, uri);
ALTER TABLE ONLY kernel.signed_head
    ADD CONSTRAINT signed_head_pkey PRIMARY KEY (chain, number);
ALTER TABLE ONLY kernel.stream
    ADD CONSTRAINT stream_pkey PRIMARY KEY (stream);
ALTER TABLE ONLY kernel.task
    ADD CONSTRAINT task_pkey PRIMARY KEY (id);
ALTER TABLE ONLY kernel.task_question
    ADD CONSTRAINT task_question_pkey PRIMARY KEY (task_id, key);
ALTER TABLE ONLY kernel.task_question
    ADD CONSTRAINT task_question_task_id_name_sha256_key UNIQUE (task_id, name, sha256);
ALTER TABLE ONLY kernel.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (id);
ALTER TABLE ONLY kernel.token
    ADD CONSTRAINT token_secret_hash_key UNIQUE (secret_hash);
ALTER TABLE ONLY kernel.webhook_delivery
    ADD CONSTRAINT webhook_delivery_pkey PRIMARY KEY (id);
ALTER TABLE ONLY kernel.webhook_delivery
    ADD CONSTRAINT webhook_delivery_webhook_position_key UNIQUE (webhook, "position");
ALTER TABLE ONLY kernel.webhook
    ADD CONSTRAINT webhook_pkey PRIMARY KEY (id);
CREATE INDEX call_result_age ON kernel.call_result USING btree (kept_at);
CREATE INDEX event_call ON kernel.event USING btree (((data ->> 'call'::text))) WHERE (data ? 'call'::text);
CREATE INDEX idempotency_age ON kernel.idempotency USING btree (created_at);
CREATE INDEX log_level_age ON kernel.log_level USING btree (set_at);
CREATE INDEX resource_subscription_age ON kernel.resource_subscription USING btree (subscribed_at);
CREATE INDEX task_age ON kernel.task USING btree (expires_at);
CREATE INDEX task_lease ON kernel.task USING btree (lease_expires_at) WHERE (status = 'working'::text);
CREATE INDEX task_principal ON kernel.task USING btree (principal) WHERE (status = 'working'::text);
CREATE INDEX webhook_delivery_delivered ON kernel.webhook_delivery USING btree (attempted_at) WHERE (state = 'delivered'::text);
CREATE INDEX webhook_delivery_pending ON kernel.webhook_delivery USING btree (webhook, "position") WHERE (state = 'pending'::text);
ALTER TABLE ONLY kernel.task_question
    ADD CONSTRAINT task_question_task_id_fkey FOREIGN KEY (task_id) REFERENCES kernel.task(id) ON DELETE CASCADE;
ALTER TABLE ONLY kernel.webhook_delivery
    ADD CONSTRAINT webhook_delivery_webhook_fkey FOREIGN KEY (webhook) REFERENCES kernel.webhook(id) ON DELETE CASCADE;
