-- name: count_work_orders
-- Work orders by state.
select state, count(*) as n from governance.work_order group by state;

-- name: measure_open_questions
-- Approvals that wait for a person at $1, and how long the oldest has waited, in seconds.
select count(*) as n,
       coalesce(extract(epoch from $1 - min(requested_at)), 0)::double precision as oldest_s
  from governance.approval where state = 'pending' and expires_at > $1;

-- name: sum_money
-- What work orders have spent, and what their calls hold now, in USD.
select coalesce(sum(spent_usd), 0)::double precision as spent_usd,
       coalesce(sum(held_usd), 0)::double precision as held_usd
  from governance.budget;
