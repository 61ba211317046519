-- Appends two events to a stream, if nobody else holds it, as append_event does one: with one lock,
-- one insert and one move of the head instead of two, since whoever made the call waits for it.
create function kernel.append_two_events(
    to_stream text,
    type_1 text, actor_1 text, at_1 timestamptz, data_1 text, before_1 text, after_1 text,
    type_2 text, actor_2 text, at_2 timestamptz, data_2 text, before_2 text, after_2 text)
returns table (seq bigint, prev_hash text, "position" bigint, hash text)
language plpgsql as $$
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
