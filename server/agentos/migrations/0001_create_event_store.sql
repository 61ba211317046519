-- Append-only log. Every column is covered by hash; prev_hash chains the events of one stream.
create table kernel.event (
    position  bigint      primary key,
    stream    text        not null check (length(stream) between 1 and 200),
    seq       bigint      not null check (seq > 0),
    type      text        not null check (length(type) between 1 and 100),
    actor     text        not null check (length(actor) between 1 and 200),
    at        timestamptz not null,
    data      jsonb       not null,
    prev_hash text        not null check (length(prev_hash) = 64),
    hash      text        not null check (length(hash) = 64),
    unique (stream, seq)
);
create index event_call on kernel.event ((data ->> 'call')) where data ? 'call';

-- No cache: positions are drawn in their order. nextval locks the sequence until the transaction
-- ends, so pg_locks tells a reader who may still fill a gap (see subscription).
create sequence kernel.event_position as bigint cache 1;

-- The head of every stream: the fence against a second writer, and the witness of a missing tail.
create table kernel.stream (
    stream text   primary key,
    seq    bigint not null check (seq >= 0),
    hash   text   not null check (length(hash) = 64)
) with (fillfactor = 50);

-- Locks the heads of streams and draws counts[i] positions for streams[i], in one round trip.
-- With wait = false, streams whose head another transaction holds are left out of the answer.
-- An advisory lock stands before the head of a new stream: inserting it at once would wait for a
-- transaction that is creating the same one.
create function kernel.begin_append(streams text[], counts int[], wait boolean)
returns table (stream text, seq bigint, hash text, positions bigint[])
language plpgsql as $$
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
