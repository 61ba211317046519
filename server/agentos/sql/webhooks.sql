-- name: lock_cursor
-- How far the fan-out of sink $1 is, locked: nobody adds a webhook or fans out meanwhile.
select position from kernel.outbox_cursor where sink = $1 for update;

-- name: start_cursor
-- The fan-out of sink $1 begins after the newest event, at $2, where it has not begun.
insert into kernel.outbox_cursor (sink, position, updated_at)
select $1, coalesce(max(position), 0), $2 from kernel.event
on conflict (sink) do nothing;

-- name: move_cursor
-- Sink $1 got to position $2, at $3; the row is locked.
update kernel.outbox_cursor set position = $2, updated_at = $3 where sink = $1;

-- name: insert_webhook
-- $1 id, $2 URL, $3 event types, $4 concurrency, $5 sealed secret, $6 creator, $7 time; what
-- happened until now is not sent.
insert into kernel.webhook (id, url, event_types, concurrency, sealed_secret, after_position,
       created_by, created_at)
values ($1, $2, $3, $4, $5, (select coalesce(max(position), 0) from kernel.event), $6, $7);

-- name: count_webhooks
-- How many there are.
select count(*) from kernel.webhook;

-- name: list_webhooks
-- Every webhook, or $1, in the order they were added.
select w.id, w.url, w.event_types, w.concurrency, w.sealed_secret, w.after_position, w.created_by,
       w.created_at
  from kernel.webhook w where $1::text is null or w.id = $1 order by w.created_at, w.id;

-- name: count_deliveries
-- Deliveries by webhook and state.
select webhook, state, count(*) as n from kernel.webhook_delivery group by webhook, state;

-- name: delete_webhook
-- Remove webhook $1 with its deliveries.
delete from kernel.webhook where id = $1 returning url;

-- name: insert_deliveries
-- The webhooks $1 are to get the events at $2, from $3 on; the arrays run in parallel.
insert into kernel.webhook_delivery (webhook, position, state, next_attempt_at)
select webhook, position, 'pending', $3
  from unnest($1::text[], $2::bigint[]) as d (webhook, position)
on conflict (webhook, position) do nothing;

-- name: find_due_webhooks
-- Webhooks with something to send at $1. One that takes one event at a time waits for its oldest.
select w.id
  from kernel.webhook w
 where exists (select 1 from kernel.webhook_delivery d
                where d.webhook = w.id and d.state = 'pending' and d.next_attempt_at <= $1
                  and (w.concurrency > 1
                       or d.position = (select min(o.position) from kernel.webhook_delivery o
                                         where o.webhook = w.id and o.state = 'pending')))
 order by w.id;

-- name: find_due_deliveries
-- Deliveries of webhook $1 that are due at $2, oldest first, without $3; $4 rows.
select d.id, d.position, d.attempts
  from kernel.webhook_delivery d join kernel.webhook w on w.id = d.webhook
 where d.webhook = $1 and d.state = 'pending' and d.next_attempt_at <= $2
   and (w.concurrency > 1
        or d.position = (select min(o.position) from kernel.webhook_delivery o
                          where o.webhook = $1 and o.state = 'pending'))
   and d.id <> all ($3::bigint[])
 order by d.position
 limit $4;

-- name: record_attempt
-- Delivery $1 was tried at $2: state $3, next attempt $4, status $5, error $6.
update kernel.webhook_delivery
   set attempts = attempts + 1, attempted_at = $2, state = $3, next_attempt_at = $4, status = $5,
       error = $6
 where id = $1 and state = 'pending'
returning attempts;

-- name: list_deliveries
-- The newest deliveries of webhook $1 (any where null) in state $2 (any where null); $3 rows.
select d.id, d.webhook, d.position, d.state, d.attempts, d.next_attempt_at, d.attempted_at,
       d.status, d.error, e.type, e.stream
  from kernel.webhook_delivery d left join kernel.event e on e.position = d.position
 where ($1::text is null or d.webhook = $1) and ($2::text is null or d.state = $2)
 order by d.id desc limit $3;

-- name: retry_delivery
-- Delivery $1, or every dead one of webhook $2, or every dead one where both are null, is tried
-- again from $3 on, with all its attempts.
update kernel.webhook_delivery
   set state = 'pending', attempts = 0, next_attempt_at = $3
 where state = 'dead' and ($1::bigint is null or id = $1) and ($2::text is null or webhook = $2)
returning id;

-- name: prune_deliveries
-- Forget what was delivered before $1.
delete from kernel.webhook_delivery where state = 'delivered' and attempted_at < $1;
