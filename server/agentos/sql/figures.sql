-- name: measure_log
-- The newest event's position, and how many events no signed head covers yet.
select l.position,
       l.position - coalesce((select max(h.position) from kernel.signed_head h), 0) as unsigned
  from (select coalesce(max(position), 0) as position from kernel.event) l;

-- name: count_undelivered
-- Webhook deliveries that wait, and those that were given up.
select state, count(*) as n from kernel.webhook_delivery where state <> 'delivered' group by state;
