-- Operational state: what rate limits have counted. It is not rebuilt from events, though every use
-- is stored in the transaction that stores its call.allowed or action.judged, so the two agree.
-- One row for each limit in each of its scopes; `used` counts limits per claim or work order.
create table governance.limit_counter (
    key  text   primary key check (length(key) = 64),
    used bigint not null default 0 check (used >= 0)
) with (fillfactor = 70);

-- The uses of limits per sliding window.
create table governance.limit_use (
    counter text        not null references governance.limit_counter (key) on delete cascade,
    call    text        not null,
    at      timestamptz not null,
    primary key (counter, call)
);
create index limit_use_time on governance.limit_use (counter, at);

-- Takes one use of every limit for a call, or none: the ordinal of the first full one, or null.
-- keys are sorted, so that two calls never wait for each other; windows_s is 0 for a limit without
-- a window. The head of the call's stream comes first, as everywhere: whoever holds a counter goes
-- on to its commit without waiting for anybody. Each statement here sees what was committed before
-- it, so the count after the lock is exact. Uses an hour past their window are forgotten.
create function governance.take_limits(
    stream_name text, call_id text, at_time timestamptz, keys text[], maxima bigint[], windows_s int[]
) returns int
language plpgsql as $$
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
