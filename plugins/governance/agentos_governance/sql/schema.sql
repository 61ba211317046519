CREATE SCHEMA governance;
CREATE FUNCTION governance.admit_money(call_id text, order_id text, usd numeric, at timestamp with time zone, expires timestamp with time zone, is_report boolean, layers text[], subjects text[], set_layers text[], set_windows integer[], set_caps numeric[], set_refuses boolean[], set_specific boolean[]) RETURNS TABLE(refused_by text, subject text, window_s integer, cap_usd numeric, spent_usd numeric, held_usd numeric, retry_after_s double precision)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    stop       record;
    failed     record;
    above      text[] := '{}';
    keys       record;
    ids        bigint[];
    locked_ids bigint[];
begin
    -- Every call writes a durable record before its body runs, and later in the log than this.
    if not is_report then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    select * into stop from governance.spending_stop;
    if found then
        return query select 'emergency_stop', stop.reason, 0, 0::numeric, 0::numeric, 0::numeric,
                            null::double precision;
        return;
    end if;
    if order_id is not null then
        above := governance.ancestors_of(order_id);
        perform 1 from governance.budget b where b.work_order = any (above || order_id)
          order by b.work_order for no key update;
    end if;
    select array_agg(l.layer) as layers, array_agg(l.subject) as subjects,
           array_agg(l.window_s) as windows, array_agg(l.cap_usd) as caps,
           array_agg(l.refuses) as refuses
      into keys
      from (
        select * from (
            select distinct on (c.layer, c.window_s) c.layer, s.subject, c.window_s, c.cap_usd,
                   c.refuses
              from (select m.layer, m.window_s, m.cap_usd, m.refuses, m.is_specific, false as is_set
                      from unnest(set_layers, set_windows, set_caps, set_refuses, set_specific)
                           as m (layer, window_s, cap_usd, refuses, is_specific)
                    union all
                    select b.layer, b.window_s, b.cap_usd, b.on_report = 'refuse',
                           b.subject <> '', true
                      from unnest(layers, subjects) as s (layer, subject)
                      join governance.budget_limit b
                        on b.layer = s.layer and b.subject in (s.subject, '')) c
              join unnest(layers, subjects) as s (layer, subject) on s.layer = c.layer
             order by c.layer, c.window_s, c.is_specific desc, c.is_set desc) chosen
         where chosen.cap_usd is not null
        union all
        -- Its own descendants: read under the lock of its budget, never added to.
        select 'descendants', o.id, 0, null, true from unnest(above || order_id) as o (id)
         where o.id is not null
      ) l;
    if keys.layers is null then
        keys.layers := '{}';
    end if;
    insert into governance.allowance (layer, subject, window_s)
    select k.layer, k.subject, k.window_s
      from unnest(keys.layers, keys.subjects, keys.windows) as k (layer, subject, window_s)
     where not (k.layer = 'descendants' and k.subject = order_id)
       and not exists (select 1 from governance.allowance a
                        where (a.layer, a.subject, a.window_s) = (k.layer, k.subject, k.window_s))
     order by 1, 2, 3
    on conflict do nothing;
    select array_agg(a.id), array_agg(a.id) filter (where k.refuses or not is_report)
      into ids, locked_ids
      from unnest(keys.layers, keys.subjects, keys.windows, keys.refuses)
           as k (layer, subject, window_s, refuses)
      join governance.allowance a using (layer, subject, window_s);
    if locked_ids is not null then
        perform 1 from governance.allowance a where a.id = any (locked_ids)
          order by a.id for no key update;
        perform governance.count_shares(locked_ids, at);
    end if;
    -- The same call again: it has its money, or had it.
    if not is_report then
        if exists (select 1 from governance.hold h where h.call = call_id) then
            return;
        end if;
        if exists (select 1 from governance.settlement s where s.call = call_id) then
            return query select 'settled', call_id, 0, 0::numeric, 0::numeric, 0::numeric,
                                null::double precision;
            return;
        end if;
    end if;
    -- The nearest limit names itself: own budget, those above, then the layers.
    select c.* into failed
      from (
        select 'cost_budget_usd' as layer, b.work_order as subject, 0 as window_s, b.cap_usd,
               b.spent_usd + coalesce(d.spent_usd, 0) as spent_usd,
               b.held_usd + coalesce(d.held_usd, 0) as held_usd, null::bigint as id,
               array_position(order_id || above, b.work_order) as place
          from governance.budget b
          left join governance.allowance d
                 on d.layer = 'descendants' and d.subject = b.work_order and d.window_s = 0
         where b.work_order = any (above || order_id)
        union all
        select a.layer, a.subject, a.window_s, k.cap_usd, a.spent_usd, a.held_usd, a.id,
               10000 + array_position(
                   array['session', 'process', 'person', 'organisation'], a.layer) * 100
          from unnest(keys.layers, keys.subjects, keys.windows, keys.caps)
               as k (layer, subject, window_s, cap_usd)
          join governance.allowance a using (layer, subject, window_s)
         where a.id = any (locked_ids) and k.layer <> 'descendants'
      ) c
     where c.spent_usd + c.held_usd + usd > c.cap_usd
     order by c.place, c.window_s
     limit 1;
    if found then
        return query
        select failed.layer, failed.subject, failed.window_s, failed.cap_usd, failed.spent_usd,
               failed.held_usd,
               case when failed.window_s > 0 and usd <= failed.cap_usd then
                   governance.room_after_s(
                       failed.id, failed.spent_usd + failed.held_usd + usd - failed.cap_usd, at)
               end;
        return;
    end if;
    if order_id is not null then
        update governance.budget b
           set held_usd = b.held_usd + case when is_report then 0 else usd end,
               spent_usd = b.spent_usd + case when is_report then usd else 0 end
         where b.work_order = order_id;
    end if;
    if not is_report then
        insert into governance.hold (call, work_order, usd, expires_at)
        values (call_id, order_id, usd, expires);
        update governance.allowance a set held_usd = a.held_usd + usd
         where a.id = any (ids) and not (a.layer = 'descendants' and a.subject = order_id);
    end if;
    if usd > 0 then
        insert into governance.share (call, allowance, held_usd, settled_usd, settled_at)
        select call_id, a.id, case when is_report then 0 else usd end,
               case when is_report then usd end, case when is_report then at end
          from governance.allowance a
         where a.id = any (ids)
           and not (a.layer = 'descendants' and a.subject is not distinct from order_id);
    end if;
end $$;
CREATE FUNCTION governance.ancestors_of(order_id text) RETURNS text[]
    LANGUAGE plpgsql STABLE
    AS $$
declare
    above text[] := '{}';
    next  text;
begin
    select w.parent into next from governance.work_order w where w.id = order_id;
    while next is not null and next <> all (above) loop
        above := above || next;
        select w.parent into next from governance.work_order w where w.id = above[cardinality(above)];
    end loop;
    return above;
end $$;
CREATE FUNCTION governance.check_authority_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if new.parent is distinct from old.parent then
        raise exception '% keeps the parent it was created with', old.id
              using errcode = 'restrict_violation';
    end if;
    if new.contract = old.contract and new.contract_version = old.contract_version then
        return new;
    end if;
    if old.state not in ('blocked', 'ready', 'suspended') then
        raise exception 'the contract of % cannot change while it is %', old.id, old.state
              using errcode = 'restrict_violation';
    end if;
    if not exists (select from governance.contract_version v
                    where v.work_order = new.id and v.version = new.contract_version
                      and v.contract = new.contract
                      and v.number = (select max(n.number) from governance.contract_version n
                                       where n.work_order = new.id)) then
        raise exception 'the contract of % must be its newest version', old.id
              using errcode = 'restrict_violation';
    end if;
    return new;
end $$;
CREATE FUNCTION governance.count_shares(allowances bigint[], at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    with ended as (
        delete from governance.share s using governance.allowance a
         where a.id = any (allowances) and s.allowance = a.id
           and s.settled_at is not null and not s.is_counted
           and (a.window_s = 0 or s.settled_at <= at - make_interval(secs => a.window_s))
        returning s.allowance, s.held_usd as freed,
                  case when a.window_s = 0 then s.settled_usd else 0 end as added
    ), counted as (
        update governance.share s set is_counted = true
          from governance.allowance a
         where a.id = any (allowances) and a.window_s > 0 and s.allowance = a.id
           and s.settled_at is not null and not s.is_counted
           and s.settled_at > at - make_interval(secs => a.window_s)
        returning s.allowance, s.held_usd as freed, s.settled_usd as added
    ), outdated as (
        delete from governance.share s using governance.allowance a
         where a.id = any (allowances) and a.window_s > 0 and s.allowance = a.id
           and s.is_counted and s.settled_at <= at - make_interval(secs => a.window_s)
        returning s.allowance, 0::numeric as freed, -s.settled_usd as added
    ), change as (
        select allowance, sum(freed) as freed, sum(added) as added
          from (select * from ended union all select * from counted
                union all select * from outdated) c
         group by allowance
    )
    update governance.allowance a
       set held_usd = a.held_usd - c.freed, spent_usd = a.spent_usd + c.added
      from change c
     where a.id = c.allowance;
end $$;
CREATE FUNCTION governance.refuse_new_contract_text() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'version % of the contract of % never changes', old.number, old.work_order
          using errcode = 'restrict_violation';
end $$;
CREATE FUNCTION governance.release_expired_money(at timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    calls    text[];
    released bigint;
begin
    -- Whoever settles one of these now has its row, and it is not dead.
    select array_agg(e.call) into calls
      from (select h.call from governance.hold h where h.expires_at <= at
             for update skip locked) e;
    if calls is null then
        return 0;
    end if;
    perform 1 from governance.budget b
      where b.work_order in (select h.work_order from governance.hold h where h.call = any (calls))
      order by b.work_order for no key update;
    update governance.budget b set held_usd = b.held_usd - f.usd
      from (select h.work_order, sum(h.usd) as usd from governance.hold h
             where h.call = any (calls) group by h.work_order) f
     where b.work_order = f.work_order;
    update governance.share s set settled_usd = 0, settled_at = at
     where s.call = any (calls) and s.settled_at is null;
    delete from governance.hold h where h.call = any (calls);
    get diagnostics released = row_count;
    return released;
end $$;
CREATE FUNCTION governance.room_after_s(allowance_id bigint, need_usd numeric, at timestamp with time zone) RETURNS double precision
    LANGUAGE sql STABLE
    AS $$
    select extract(epoch from min(f.settled_at) + make_interval(secs => f.window_s) - at)
      from (select s.settled_at, a.window_s,
                   sum(s.settled_usd) over (order by s.settled_at, s.call) as freed_usd
              from governance.share s join governance.allowance a on a.id = s.allowance
             where a.id = allowance_id and s.is_counted) f
     where f.freed_usd >= need_usd
     group by f.window_s
$$;
CREATE FUNCTION governance.settle_money(call_id text, cost numeric, at timestamp with time zone) RETURNS TABLE(usd numeric, is_first boolean)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    freed record;
begin
    delete from governance.hold h where h.call = call_id returning h.work_order, h.usd into freed;
    if not found then
        return query select s.usd, false from governance.settlement s where s.call = call_id;
        return;
    end if;
    insert into governance.settlement (call, usd, settled_at)
    values (call_id, least(cost, freed.usd), at);
    update governance.share s set settled_usd = least(cost, freed.usd), settled_at = at
     where s.call = call_id and s.settled_at is null;
    update governance.budget b
       set held_usd = b.held_usd - freed.usd, spent_usd = b.spent_usd + least(cost, freed.usd)
     where b.work_order = freed.work_order;
    return query select least(cost, freed.usd), true;
end $$;
CREATE FUNCTION governance.take_limits(stream_name text, call_id text, at_time timestamp with time zone, keys text[], maxima bigint[], windows_s integer[]) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    i      int;
    n_used bigint;
begin
    perform 1 from kernel.stream s where s.stream = stream_name for update;
    for i in 1 .. cardinality(keys) loop
        insert into governance.limit_counter (key) values (keys[i]) on conflict do nothing;
        select c.used into n_used from governance.limit_counter c where c.key = keys[i] for update;
        if windows_s[i] > 0 then
            select count(*) into n_used from governance.limit_use u
             where u.counter = keys[i] and u.at > at_time - make_interval(secs => windows_s[i]);
        end if;
        if n_used >= maxima[i] then
            return i;
        end if;
        if windows_s[i] > 0 then
            delete from governance.limit_use u
             where u.counter = keys[i]
               and u.at <= at_time - make_interval(secs => windows_s[i]) - interval '1 hour';
            insert into governance.limit_use (counter, call, at) values (keys[i], call_id, at_time);
        else
            update governance.limit_counter c set used = c.used + 1 where c.key = keys[i];
        end if;
    end loop;
    return null;
end $$;
CREATE FUNCTION governance.tidy_money(at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    idle bigint[];
begin
    select array_agg(i.id) into idle
      from (select a.id from governance.allowance a
             where a.window_s > 0 and a.spent_usd > 0
                or exists (select 1 from governance.share s
                            where s.allowance = a.id and s.settled_at is not null and not s.is_counted)
               for no key update skip locked) i;
    if idle is not null then
        perform governance.count_shares(idle, at);
    end if;
    delete from governance.allowance a
     where a.layer = 'session' and a.held_usd = 0
       and not exists (select 1 from governance.lease l
                        where a.subject = l.work_order || '#' || l.epoch)
       and not exists (select 1 from governance.share s
                        where s.allowance = a.id and s.settled_at is not null);
    delete from governance.settlement s where s.settled_at < at - interval '1 day';
end $$;
CREATE TABLE governance.allowance (
    id bigint NOT NULL,
    layer text NOT NULL,
    subject text NOT NULL,
    window_s integer NOT NULL,
    held_usd numeric(24,10) DEFAULT 0 NOT NULL,
    spent_usd numeric(24,10) DEFAULT 0 NOT NULL,
    CONSTRAINT allowance_held_usd_check CHECK ((held_usd >= (0)::numeric)),
    CONSTRAINT allowance_layer_check CHECK ((layer = ANY (ARRAY['descendants'::text, 'session'::text, 'process'::text, 'person'::text, 'organisation'::text]))),
    CONSTRAINT allowance_spent_usd_check CHECK ((spent_usd >= (0)::numeric)),
    CONSTRAINT allowance_window_s_check CHECK ((window_s >= 0))
)
WITH (fillfactor='50');
ALTER TABLE governance.allowance ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME governance.allowance_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE governance.approval (
    id text NOT NULL,
    state text NOT NULL,
    binding text NOT NULL,
    work_order text,
    worker text NOT NULL,
    person text,
    tool text NOT NULL,
    arguments jsonb NOT NULL,
    arguments_sha256 text NOT NULL,
    contract_versions jsonb NOT NULL,
    policy_hash text,
    rule text NOT NULL,
    reason text NOT NULL,
    determining jsonb NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    decided_by text,
    decided_person text,
    decided_at timestamp with time zone,
    decision_reason text,
    used_by_call text,
    ended_at timestamp with time zone,
    CONSTRAINT approval_check CHECK (((state = 'used'::text) = (used_by_call IS NOT NULL))),
    CONSTRAINT approval_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'approved'::text, 'rejected'::text, 'expired'::text, 'cancelled'::text, 'used'::text])))
);
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
CREATE TABLE governance.budget_limit (
    layer text NOT NULL,
    subject text NOT NULL,
    window_s integer NOT NULL,
    cap_usd numeric(24,10),
    on_report text NOT NULL,
    set_by text NOT NULL,
    reason text NOT NULL,
    set_at timestamp with time zone NOT NULL,
    CONSTRAINT budget_limit_cap_usd_check CHECK ((cap_usd >= (0)::numeric)),
    CONSTRAINT budget_limit_layer_check CHECK ((layer = ANY (ARRAY['session'::text, 'process'::text, 'person'::text, 'organisation'::text]))),
    CONSTRAINT budget_limit_on_report_check CHECK ((on_report = ANY (ARRAY['count'::text, 'refuse'::text]))),
    CONSTRAINT budget_limit_window_s_check CHECK ((window_s >= 0))
);
CREATE TABLE governance.channel_cursor (
    channel text NOT NULL,
    "position" bigint NOT NULL,
    saved_at timestamp with time zone NOT NULL,
    saved_by text NOT NULL,
    CONSTRAINT channel_cursor_position_check CHECK (("position" >= 0))
);
CREATE TABLE governance.channel_post (
    channel text NOT NULL,
    subject text NOT NULL,
    part text NOT NULL,
    message_ref text,
    rendered_version integer,
    recorded_at timestamp with time zone,
    claim text,
    last_claim text,
    claimed_by text,
    lease_expires_at timestamp with time zone,
    attempt integer DEFAULT 0 NOT NULL,
    settles_at timestamp with time zone,
    n_looks integer DEFAULT 0 NOT NULL,
    look_pause_s integer,
    is_look boolean DEFAULT false NOT NULL,
    CONSTRAINT channel_post_attempt_check CHECK ((attempt >= 0)),
    CONSTRAINT channel_post_check CHECK (((message_ref IS NULL) = (rendered_version IS NULL))),
    CONSTRAINT channel_post_check1 CHECK (((claim IS NULL) = (lease_expires_at IS NULL))),
    CONSTRAINT channel_post_look_pause_s_check CHECK ((look_pause_s > 0)),
    CONSTRAINT channel_post_looks_check CHECK (((settles_at IS NULL) OR (look_pause_s IS NOT NULL))),
    CONSTRAINT channel_post_n_looks_check CHECK ((n_looks >= 0))
);
CREATE TABLE governance.claim (
    work_order text NOT NULL,
    epoch bigint NOT NULL,
    worker text NOT NULL,
    person text,
    claimed_at timestamp with time zone NOT NULL
);
CREATE TABLE governance.contract_version (
    work_order text NOT NULL,
    number integer NOT NULL,
    version text NOT NULL,
    contract jsonb NOT NULL,
    reason text,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT contract_version_number_check CHECK ((number > 0))
);
CREATE TABLE governance.decision_request (
    id text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    options jsonb NOT NULL,
    sha256 text NOT NULL,
    stream text NOT NULL,
    work_order text,
    worker text NOT NULL,
    person text,
    role text NOT NULL,
    model text,
    opened_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    verdict text,
    reason text,
    categories text[] DEFAULT '{}'::text[] NOT NULL,
    answer jsonb,
    decided_by text,
    decided_person text,
    ended_at timestamp with time zone,
    CONSTRAINT decision_request_check CHECK (((state = 'open'::text) = (ended_at IS NULL))),
    CONSTRAINT decision_request_check1 CHECK (((verdict IS NOT NULL) = (state = ANY (ARRAY['approved'::text, 'rejected'::text])))),
    CONSTRAINT decision_request_kind_check CHECK ((kind = ANY (ARRAY['approve_plan'::text, 'choose_option'::text, 'provide_context'::text, 'label_outcome'::text]))),
    CONSTRAINT decision_request_state_check CHECK ((state = ANY (ARRAY['open'::text, 'approved'::text, 'rejected'::text, 'expired'::text, 'cancelled'::text]))),
    CONSTRAINT decision_request_verdict_check CHECK ((verdict = ANY (ARRAY['approve'::text, 'request_changes'::text, 'reject'::text, 'answer'::text])))
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
    seq bigint NOT NULL,
    facts jsonb DEFAULT '{}'::jsonb NOT NULL,
    batch text,
    observation_sha256 text,
    CONSTRAINT evidence_level_check CHECK ((level = ANY (ARRAY['observed'::text, 'reviewed'::text, 'reported'::text])))
);
CREATE TABLE governance.hold (
    call text NOT NULL,
    work_order text,
    usd numeric(24,10) NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT hold_usd_check CHECK ((usd > (0)::numeric))
);
CREATE TABLE governance.identity (
    channel text NOT NULL,
    external_id text NOT NULL,
    person text NOT NULL,
    proof text NOT NULL,
    linked_at timestamp with time zone NOT NULL,
    linked_by text NOT NULL,
    CONSTRAINT identity_proof_check CHECK ((proof = ANY (ARRAY['email'::text, 'code'::text, 'admin'::text])))
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
    price_version text,
    CONSTRAINT ledger_cached_input_tokens_check CHECK ((cached_input_tokens >= 0)),
    CONSTRAINT ledger_input_tokens_check CHECK ((input_tokens >= 0)),
    CONSTRAINT ledger_output_tokens_check CHECK ((output_tokens >= 0)),
    CONSTRAINT ledger_usd_check CHECK ((usd >= (0)::numeric))
);
CREATE TABLE governance.limit_counter (
    key text NOT NULL,
    used bigint DEFAULT 0 NOT NULL,
    CONSTRAINT limit_counter_key_check CHECK ((length(key) = 64)),
    CONSTRAINT limit_counter_used_check CHECK ((used >= 0))
)
WITH (fillfactor='70');
CREATE TABLE governance.limit_use (
    counter text NOT NULL,
    call text NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE governance.link_code (
    code_sha256 text NOT NULL,
    person text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);
CREATE TABLE governance.link_refusal (
    event_hash text NOT NULL,
    channel text NOT NULL,
    external_id text NOT NULL,
    refused_at timestamp with time zone NOT NULL
);
CREATE TABLE governance.person (
    name text NOT NULL,
    person_key text NOT NULL,
    email text,
    email_key text,
    roles text[] NOT NULL,
    escalation integer,
    is_active boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT person_check CHECK (((email IS NULL) = (email_key IS NULL))),
    CONSTRAINT person_escalation_check CHECK ((escalation > 0))
);
CREATE TABLE governance.price_table (
    version text NOT NULL,
    effective_from text NOT NULL,
    document jsonb NOT NULL,
    adopted_at timestamp with time zone NOT NULL
);
CREATE TABLE governance.question (
    id text NOT NULL,
    review text NOT NULL,
    stream text NOT NULL,
    work_order text,
    worker text,
    asked_by text NOT NULL,
    question text NOT NULL,
    observation text,
    asked_at timestamp with time zone NOT NULL,
    answer text,
    answered_by text,
    answered_at timestamp with time zone,
    CONSTRAINT question_check CHECK (((answer IS NULL) = (answered_at IS NULL)))
);
CREATE TABLE governance.review_clock (
    review text NOT NULL,
    kind text NOT NULL,
    stream text NOT NULL,
    version integer NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    remind_at timestamp with time zone,
    escalate_at timestamp with time zone,
    snoozed_until timestamp with time zone,
    assigned_to text,
    n_reminders integer DEFAULT 0 NOT NULL,
    n_escalations integer DEFAULT 0 NOT NULL,
    schedule jsonb NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT review_clock_kind_check CHECK ((kind = ANY (ARRAY['work'::text, 'approval'::text, 'decision'::text]))),
    CONSTRAINT review_clock_n_escalations_check CHECK ((n_escalations >= 0)),
    CONSTRAINT review_clock_n_reminders_check CHECK ((n_reminders >= 0)),
    CONSTRAINT review_clock_version_check CHECK ((version > 0))
);
CREATE TABLE governance.review_round (
    id text NOT NULL,
    work_order text NOT NULL,
    number integer NOT NULL,
    packet_sha256 text NOT NULL,
    contract_version text NOT NULL,
    state text NOT NULL,
    verdict text,
    reason text,
    decided_by text,
    decided_person text,
    n_blocking integer NOT NULL,
    n_overrides integer DEFAULT 0 NOT NULL,
    items jsonb,
    what_changed jsonb,
    opened_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT review_round_check CHECK (((state = 'open'::text) = (ended_at IS NULL))),
    CONSTRAINT review_round_check1 CHECK (((verdict IS NOT NULL) = (state = ANY (ARRAY['approved'::text, 'rejected'::text])))),
    CONSTRAINT review_round_n_blocking_check CHECK ((n_blocking >= 0)),
    CONSTRAINT review_round_n_overrides_check CHECK ((n_overrides >= 0)),
    CONSTRAINT review_round_number_check CHECK ((number > 0)),
    CONSTRAINT review_round_state_check CHECK ((state = ANY (ARRAY['open'::text, 'approved'::text, 'rejected'::text, 'expired'::text, 'cancelled'::text, 'superseded'::text]))),
    CONSTRAINT review_round_verdict_check CHECK ((verdict = ANY (ARRAY['approve'::text, 'request_changes'::text, 'reject'::text])))
);
CREATE TABLE governance.settlement (
    call text NOT NULL,
    usd numeric(24,10) NOT NULL,
    settled_at timestamp with time zone NOT NULL,
    CONSTRAINT settlement_usd_check CHECK ((usd >= (0)::numeric))
);
CREATE TABLE governance.share (
    call text NOT NULL,
    allowance bigint NOT NULL,
    held_usd numeric(24,10) NOT NULL,
    settled_usd numeric(24,10),
    settled_at timestamp with time zone,
    is_counted boolean DEFAULT false NOT NULL,
    CONSTRAINT share_check CHECK (((settled_usd IS NULL) = (settled_at IS NULL))),
    CONSTRAINT share_held_usd_check CHECK ((held_usd >= (0)::numeric)),
    CONSTRAINT share_settled_usd_check CHECK ((settled_usd >= (0)::numeric))
)
WITH (fillfactor='80');
CREATE TABLE governance.spending_stop (
    is_stopped boolean DEFAULT true NOT NULL,
    is_all boolean NOT NULL,
    reason text NOT NULL,
    stopped_by text NOT NULL,
    stopped_at timestamp with time zone NOT NULL,
    CONSTRAINT spending_stop_is_stopped_check CHECK (is_stopped)
);
CREATE TABLE governance.unlinked_identity (
    channel text NOT NULL,
    external_id text NOT NULL,
    person text NOT NULL,
    unlinked_at timestamp with time zone NOT NULL,
    unlinked_by text NOT NULL
);
CREATE TABLE governance.unlock (
    id text NOT NULL,
    pattern text NOT NULL,
    work_order text,
    person text,
    expires_at timestamp with time zone NOT NULL,
    unlocked_by text NOT NULL,
    opener text NOT NULL,
    reason text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT unlock_check CHECK (((work_order IS NULL) <> (person IS NULL)))
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
    carried_from text,
    person text,
    override_reason text,
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
    not_by_orders text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT work_order_epoch_check CHECK ((epoch >= 0)),
    CONSTRAINT work_order_own_parent CHECK ((parent <> id)),
    CONSTRAINT work_order_state_check CHECK ((state = ANY (ARRAY['blocked'::text, 'ready'::text, 'active'::text, 'suspended'::text, 'in_review'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])))
);
CREATE TABLE governance.workflow (
    id text NOT NULL,
    definition text NOT NULL,
    version text NOT NULL,
    status text NOT NULL,
    state text NOT NULL,
    work_order text,
    has_step boolean NOT NULL,
    seen_seq bigint NOT NULL,
    n_transitions integer NOT NULL,
    checkpoint jsonb NOT NULL,
    checkpoint_sha256 text NOT NULL,
    started_by text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT workflow_status_check CHECK ((status = ANY (ARRAY['running'::text, 'compensating'::text, 'completed'::text, 'rolled_back'::text, 'compensation_failed'::text])))
);
CREATE TABLE governance.workflow_definition (
    version text NOT NULL,
    name text NOT NULL,
    document jsonb NOT NULL,
    first_used timestamp with time zone NOT NULL
);
CREATE TABLE governance.workflow_order (
    work_order text NOT NULL,
    workflow text NOT NULL,
    state text NOT NULL,
    visit integer NOT NULL,
    purpose text NOT NULL,
    seq bigint NOT NULL,
    CONSTRAINT workflow_order_purpose_check CHECK ((purpose = ANY (ARRAY['work'::text, 'compensation'::text])))
);
ALTER TABLE ONLY governance.allowance
    ADD CONSTRAINT allowance_layer_subject_window_s_key UNIQUE (layer, subject, window_s);
ALTER TABLE ONLY governance.allowance
    ADD CONSTRAINT allowance_pkey PRIMARY KEY (id);
ALTER TABLE ONLY governance.approval
    ADD CONSTRAINT approval_pkey PRIMARY KEY (id);
ALTER TABLE ONLY governance.budget_limit
    ADD CONSTRAINT budget_limit_pkey PRIMARY KEY (layer, subject, window_s);
ALTER TABLE ONLY governance.budget
    ADD CONSTRAINT budget_pkey PRIMARY KEY (work_order);
ALTER TABLE ONLY governance.channel_cursor
    ADD CONSTRAINT channel_cursor_pkey PRIMARY KEY (channel);
ALTER TABLE ONLY governance.channel_post
    ADD CONSTRAINT channel_post_claim_key UNIQUE (claim);
ALTER TABLE ONLY governance.channel_post
    ADD CONSTRAINT channel_post_pkey PRIMARY KEY (channel, subject, part);
ALTER TABLE ONLY governance.claim
    ADD CONSTRAINT claim_pkey PRIMARY KEY (work_order, epoch);
ALTER TABLE ONLY governance.contract_version
    ADD CONSTRAINT contract_version_pkey PRIMARY KEY (work_order, number);
ALTER TABLE ONLY governance.decision_request
    ADD CONSTRAINT decision_request_pkey PRIMARY KEY (id);
ALTER TABLE ONLY governance.dependency
    ADD CONSTRAINT dependency_pkey PRIMARY KEY (work_order, depends_on);
ALTER TABLE ONLY governance.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (id);
ALTER TABLE ONLY governance.hold
    ADD CONSTRAINT hold_pkey PRIMARY KEY (call);
ALTER TABLE ONLY governance.identity
    ADD CONSTRAINT identity_pkey PRIMARY KEY (channel, external_id);
ALTER TABLE ONLY governance.lease
    ADD CONSTRAINT lease_pkey PRIMARY KEY (work_order);
ALTER TABLE ONLY governance.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (work_order, request_id);
ALTER TABLE ONLY governance.limit_counter
    ADD CONSTRAINT limit_counter_pkey PRIMARY KEY (key);
ALTER TABLE ONLY governance.limit_use
    ADD CONSTRAINT limit_use_pkey PRIMARY KEY (counter, call);
ALTER TABLE ONLY governance.link_code
    ADD CONSTRAINT link_code_pkey PRIMARY KEY (code_sha256);
ALTER TABLE ONLY governance.link_refusal
    ADD CONSTRAINT link_refusal_pkey PRIMARY KEY (event_hash);
ALTER TABLE ONLY governance.person
    ADD CONSTRAINT person_email_key_key UNIQUE (email_key);
ALTER TABLE ONLY governance.person
    ADD CONSTRAINT person_person_key_key UNIQUE (person_key);
ALTER TABLE ONLY governance.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (name);
ALTER TABLE ONLY governance.price_table
    ADD CONSTRAINT price_table_pkey PRIMARY KEY (version);
ALTER TABLE ONLY governance.question
    ADD CONSTRAINT question_pkey PRIMARY KEY (id);
ALTER TABLE ONLY governance.review_clock
    ADD CONSTRAINT review_clock_pkey PRIMARY KEY (review);
ALTER TABLE ONLY governance.review_round
    ADD CONSTRAINT review_round_pkey PRIMARY KEY (id);
ALTER TABLE ONLY governance.review_round
    ADD CONSTRAINT review_round_work_order_number_key UNIQUE (work_order, number);
ALTER TABLE ONLY governance.settlement
    ADD CONSTRAINT settlement_pkey PRIMARY KEY (call);
ALTER TABLE ONLY governance.share
    ADD CONSTRAINT share_pkey PRIMARY KEY (call, allowance);
ALTER TABLE ONLY governance.spending_stop
    ADD CONSTRAINT spending_stop_pkey PRIMARY KEY (is_stopped);
ALTER TABLE ONLY governance.unlinked_identity
    ADD CONSTRAINT unlinked_identity_pkey PRIMARY KEY (channel, external_id);
ALTER TABLE ONLY governance.unlock
    ADD CONSTRAINT unlock_pkey PRIMARY KEY (id);
ALTER TABLE ONLY governance.vote
    ADD CONSTRAINT vote_pkey PRIMARY KEY (work_order, packet_sha256, voter);
ALTER TABLE ONLY governance.work_order
    ADD CONSTRAINT work_order_pkey PRIMARY KEY (id);
ALTER TABLE ONLY governance.workflow_definition
    ADD CONSTRAINT workflow_definition_pkey PRIMARY KEY (version);
ALTER TABLE ONLY governance.workflow_order
    ADD CONSTRAINT workflow_order_pkey PRIMARY KEY (work_order);
ALTER TABLE ONLY governance.workflow_order
    ADD CONSTRAINT workflow_order_workflow_seq_key UNIQUE (workflow, seq);
ALTER TABLE ONLY governance.workflow
    ADD CONSTRAINT workflow_pkey PRIMARY KEY (id);
CREATE INDEX approval_binding ON governance.approval USING btree (binding, requested_at DESC);
CREATE INDEX approval_expiry ON governance.approval USING btree (expires_at) WHERE (state = ANY (ARRAY['pending'::text, 'approved'::text]));
CREATE INDEX approval_list ON governance.approval USING btree (((state <> 'pending'::text)), requested_at DESC, id);
CREATE UNIQUE INDEX approval_open ON governance.approval USING btree (binding) WHERE (state = ANY (ARRAY['pending'::text, 'approved'::text]));
CREATE INDEX approval_order ON governance.approval USING btree (work_order, requested_at DESC);
CREATE INDEX channel_post_abandoned ON governance.channel_post USING btree (channel, lease_expires_at) WHERE ((claim IS NOT NULL) AND (message_ref IS NOT NULL));
CREATE INDEX channel_post_unsettled ON governance.channel_post USING btree (channel, settles_at) WHERE (settles_at IS NOT NULL);
CREATE INDEX claim_worker ON governance.claim USING btree (worker, claimed_at DESC);
CREATE INDEX decision_request_open ON governance.decision_request USING btree (opened_at, id) WHERE (state = 'open'::text);
CREATE INDEX decision_request_order ON governance.decision_request USING btree (work_order, opened_at DESC);
CREATE INDEX decision_request_worker ON governance.decision_request USING btree (worker, opened_at DESC);
CREATE INDEX dependency_on ON governance.dependency USING btree (depends_on);
CREATE UNIQUE INDEX evidence_observation ON governance.evidence USING btree (observation_sha256) WHERE (observation_sha256 IS NOT NULL);
CREATE UNIQUE INDEX evidence_work_order ON governance.evidence USING btree (work_order, seq);
CREATE INDEX hold_expiry ON governance.hold USING btree (expires_at);
CREATE INDEX identity_person ON governance.identity USING btree (person);
CREATE INDEX lease_expiry ON governance.lease USING btree (expires_at);
CREATE INDEX lease_worker ON governance.lease USING btree (worker);
CREATE INDEX ledger_action ON governance.ledger USING btree (action, recorded_at DESC);
CREATE INDEX ledger_time ON governance.ledger USING btree (recorded_at);
CREATE INDEX limit_use_time ON governance.limit_use USING btree (counter, at);
CREATE INDEX link_code_person ON governance.link_code USING btree (person, created_at DESC);
CREATE INDEX link_refusal_recent ON governance.link_refusal USING btree (channel, refused_at DESC);
CREATE INDEX person_escalation ON governance.person USING btree (escalation, name) WHERE (escalation IS NOT NULL);
CREATE INDEX question_open ON governance.question USING btree (work_order, asked_at) WHERE (answer IS NULL);
CREATE INDEX question_review ON governance.question USING btree (review, asked_at);
CREATE INDEX review_clock_escalations ON governance.review_clock USING btree (escalate_at) WHERE (ended_at IS NULL);
CREATE INDEX review_clock_expiry ON governance.review_clock USING btree (expires_at) WHERE (ended_at IS NULL);
CREATE INDEX review_clock_reminders ON governance.review_clock USING btree (remind_at) WHERE (ended_at IS NULL);
CREATE INDEX review_round_ended ON governance.review_round USING btree (ended_at) WHERE (state <> 'open'::text);
CREATE UNIQUE INDEX review_round_open ON governance.review_round USING btree (work_order) WHERE (state = 'open'::text);
CREATE INDEX settlement_time ON governance.settlement USING btree (settled_at);
CREATE INDEX share_settled ON governance.share USING btree (allowance) WHERE ((settled_at IS NOT NULL) AND (NOT is_counted));
CREATE INDEX share_window ON governance.share USING btree (allowance, settled_at) WHERE is_counted;
CREATE INDEX unlock_order ON governance.unlock USING btree (work_order, expires_at) WHERE (work_order IS NOT NULL);
CREATE INDEX unlock_person ON governance.unlock USING btree (person, expires_at) WHERE (person IS NOT NULL);
CREATE INDEX work_order_active ON governance.work_order USING btree (id) WHERE (state = 'active'::text);
CREATE INDEX work_order_claimable ON governance.work_order USING btree (((- priority)), created_at, id) WHERE (state = ANY (ARRAY['ready'::text, 'suspended'::text]));
CREATE INDEX work_order_claimable_by_role ON governance.work_order USING btree (role, ((- priority)), created_at, id) WHERE (state = ANY (ARRAY['ready'::text, 'suspended'::text]));
CREATE INDEX work_order_listed ON governance.work_order USING btree (((- priority)), created_at, id);
CREATE INDEX work_order_listed_by_state ON governance.work_order USING btree (state, ((- priority)), created_at, id);
CREATE INDEX work_order_parent ON governance.work_order USING btree (parent) WHERE (parent IS NOT NULL);
CREATE INDEX workflow_listed ON governance.workflow USING btree (started_at DESC, id);
CREATE INDEX workflow_open ON governance.workflow USING btree (id) WHERE (status = ANY (ARRAY['running'::text, 'compensating'::text]));
CREATE TRIGGER contract_version_is_immutable BEFORE UPDATE ON governance.contract_version FOR EACH ROW EXECUTE FUNCTION governance.refuse_new_contract_text();
CREATE TRIGGER work_order_keeps_its_authority BEFORE UPDATE OF parent, contract, contract_version ON governance.work_order FOR EACH ROW EXECUTE FUNCTION governance.check_authority_change();
ALTER TABLE ONLY governance.budget
    ADD CONSTRAINT budget_work_order_fkey FOREIGN KEY (work_order) REFERENCES governance.work_order(id) DEFERRABLE;
ALTER TABLE ONLY governance.hold
    ADD CONSTRAINT hold_work_order_fkey FOREIGN KEY (work_order) REFERENCES governance.budget(work_order);
ALTER TABLE ONLY governance.identity
    ADD CONSTRAINT identity_person_fkey FOREIGN KEY (person) REFERENCES governance.person(name) DEFERRABLE;
ALTER TABLE ONLY governance.lease
    ADD CONSTRAINT lease_work_order_fkey FOREIGN KEY (work_order) REFERENCES governance.work_order(id) DEFERRABLE;
ALTER TABLE ONLY governance.limit_use
    ADD CONSTRAINT limit_use_counter_fkey FOREIGN KEY (counter) REFERENCES governance.limit_counter(key) ON DELETE CASCADE;
ALTER TABLE ONLY governance.link_code
    ADD CONSTRAINT link_code_person_fkey FOREIGN KEY (person) REFERENCES governance.person(name) DEFERRABLE;
ALTER TABLE ONLY governance.work_order
    ADD CONSTRAINT work_order_parent_fkey FOREIGN KEY (parent) REFERENCES governance.work_order(id) DEFERRABLE;
