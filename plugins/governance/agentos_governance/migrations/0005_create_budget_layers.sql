-- Read models: every row is a function of the events in the streams `budget/...`.
-- A cap that was set at run time; it goes before the one of the settings. Without cap_usd there is
-- no limit.
create table governance.budget_limit (
    layer     text            not null check (layer in ('session', 'process', 'person', 'organisation')),
    subject   text            not null,          -- '' stands for every subject of the layer
    window_s  int             not null check (window_s >= 0),   -- 0: for ever
    cap_usd   numeric(24, 10) check (cap_usd >= 0),
    on_report text            not null check (on_report in ('count', 'refuse')),
    set_by    text            not null,
    reason    text            not null,
    set_at    timestamptz     not null,
    primary key (layer, subject, window_s)
);

-- One row while spending is stopped, none otherwise.
create table governance.spending_stop (
    is_stopped boolean     primary key default true check (is_stopped),
    is_all     boolean     not null,
    reason     text        not null,
    stopped_by text        not null,
    stopped_at timestamptz not null
);

-- What locked tools and paths are open for whom, until when.
create table governance.unlock (
    id          text        primary key,
    pattern     text        not null,
    work_order  text,
    person      text,
    expires_at  timestamptz not null,
    unlocked_by text        not null,
    opener      text        not null,            -- the person behind them: not for that person
    reason      text        not null,
    created_at  timestamptz not null,
    check ((work_order is null) <> (person is null))
);
create index unlock_order on governance.unlock (work_order, expires_at) where work_order is not null;
create index unlock_person on governance.unlock (person, expires_at) where person is not null;

-- Every table of prices that was ever in force here, by the digest of its content.
create table governance.price_table (
    version        text        primary key,
    effective_from text        not null,
    document       jsonb       not null,
    adopted_at     timestamptz not null
);

-- By which of them a ledger entry was priced; null where the caller stated the cost, and before
-- this migration.
alter table governance.ledger add column price_version text;
create index ledger_action on governance.ledger (action, recorded_at desc);

-- Operational state: money on its way. A hold without a work order belongs to layers only.
alter table governance.hold alter column work_order drop not null;

-- What became of a hold, so that a repeated settle changes nothing; dropped after a day.
create table governance.settlement (
    call       text            primary key,
    usd        numeric(24, 10) not null check (usd >= 0),
    settled_at timestamptz     not null
);
create index settlement_time on governance.settlement (settled_at);

-- What one limit has let through: held by calls that run, spent by those that ended (for ever, or
-- within the window). `descendants` counts what the work orders below one spend of its budget.
create table governance.allowance (
    id        bigint          generated always as identity primary key,
    layer     text            not null check (layer in ('descendants', 'session', 'process', 'person',
                                              'organisation')),
    subject   text            not null,
    window_s  int             not null check (window_s >= 0),
    held_usd  numeric(24, 10) not null default 0 check (held_usd >= 0),
    spent_usd numeric(24, 10) not null default 0 check (spent_usd >= 0),
    unique (layer, subject, window_s)
) with (fillfactor = 50);

-- A call's part in an allowance. It is settled under the lock of its own row alone; whoever holds
-- money next, under the lock of the allowance, moves it from held to spent. So a settle never waits
-- for an allowance that everybody uses, and no lock on one outlives a hold.
create table governance.share (
    call        text            not null,
    allowance   bigint          not null,
    held_usd    numeric(24, 10) not null check (held_usd >= 0),
    settled_usd numeric(24, 10) check (settled_usd >= 0),
    settled_at  timestamptz,
    is_counted  boolean         not null default false,
    primary key (call, allowance),
    check ((settled_usd is null) = (settled_at is null))
) with (fillfactor = 80);
create index share_settled on governance.share (allowance)
 where settled_at is not null and not is_counted;
create index share_window on governance.share (allowance, settled_at) where is_counted;

-- Databases made before: what descendants have spent counts against the orders above them.
insert into governance.allowance (layer, subject, window_s, spent_usd)
with recursive below as (
    select parent as ancestor, id from governance.work_order where parent is not null
    union all
    select b.ancestor, w.id from below b join governance.work_order w on w.parent = b.id
)
select 'descendants', b.ancestor, 0, sum(m.spent_usd)
  from below b join governance.budget m on m.work_order = b.id
 group by b.ancestor;

-- The work orders above one, nearest first.
create function governance.ancestors_of(order_id text) returns text[]
language plpgsql stable as $$
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

-- Bring allowances up to date; the caller holds their locks. Settled shares move from held to spent,
-- shares that left a window leave the sum, those of a total are only a number from then on.
create function governance.count_shares(allowances bigint[], at timestamptz) returns void
language plpgsql as $$
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

-- The same for every allowance that nobody uses now, so that reports and windows without another
-- hold are counted too; and forget sessions that ended and settlements of yesterday.
create function governance.tidy_money(at timestamptz) returns void
language plpgsql as $$
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

-- After how many seconds `need_usd` has left the window of an allowance if nothing is added; null
-- where that depends on calls that run now.
create function governance.room_after_s(allowance_id bigint, need_usd numeric, at timestamptz)
returns double precision
language sql stable as $$
    select extract(epoch from min(f.settled_at) + make_interval(secs => f.window_s) - at)
      from (select s.settled_at, a.window_s,
                   sum(s.settled_usd) over (order by s.settled_at, s.call) as freed_usd
              from governance.share s join governance.allowance a on a.id = s.allowance
             where a.id = allowance_id and s.is_counted) f
     where f.freed_usd >= need_usd
     group by f.window_s
$$;

-- The one gate of money: admits `usd` in every layer at once, or in none.
--
-- A hold sets it aside until settle_money or `expires`; a report books what was already spent: it
-- counts in every layer, and only the work order's budgets and limits with on_report = 'refuse' may
-- refuse it. Locks are taken in one order: budgets by work order, then allowances by id; every check
-- is a statement after its locks, so it sees what others committed before they let go.
--
-- The arrays run in parallel: subjects of the call by layer, and what the settings say about them.
-- No row: the money is there. `settled` says that this call had its money before.
create function governance.admit_money(
    call_id text, order_id text, usd numeric, at timestamptz, expires timestamptz,
    is_report boolean, layers text[], subjects text[],
    set_layers text[], set_windows int[], set_caps numeric[], set_refuses boolean[],
    set_specific boolean[]
) returns table (refused_by text, subject text, window_s int, cap_usd numeric, spent_usd numeric,
                 held_usd numeric, retry_after_s double precision)
language plpgsql as $$
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

-- Book what call `call_id` really cost, at most what it held, once. No row: its hold had expired.
create function governance.settle_money(call_id text, cost numeric, at timestamptz)
returns table (usd numeric, is_first boolean)
language plpgsql as $$
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

-- Give back what dead calls held until `at`; how many there were.
create function governance.release_expired_money(at timestamptz) returns bigint
language plpgsql as $$
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
