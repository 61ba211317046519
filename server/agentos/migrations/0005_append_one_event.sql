-- Appends one event to a stream, if nobody else holds it: one round trip instead of five, which is
-- what the record of a call costs while no other call is at work. No row: the stream is busy.
-- The event's canonical JSON is before_position || position || ,"prev_hash":"..","seq":n ||
-- after_seq, as agentos.events.chain writes it; what is hashed here is verified there.
create function kernel.append_event(to_stream text, event_type text, by_actor text,
                                    at_time timestamptz, event_data text, before_position text,
                                    after_seq text)
returns table (seq bigint, prev_hash text, "position" bigint, hash text)
language plpgsql as $$
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
