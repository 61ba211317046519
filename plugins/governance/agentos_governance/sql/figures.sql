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

-- name: measure_waiting
-- What waits for a person at $1, by kind, and how long the oldest has waited, in seconds.
select kind, count(*) as n,
       extract(epoch from $1::timestamptz - min(opened_at))::double precision as oldest_s
  from governance.review_clock where ended_at is null group by kind;

-- name: count_reviews
-- Rounds that have ended, by outcome.
select state as outcome, count(*) as n
  from governance.review_round where state <> 'open' group by state;

-- name: measure_waits
-- How long the rounds took that ended in the 7 days before $1: median and 95th percentile, seconds.
select coalesce(percentile_cont(0.5) within group (
           order by extract(epoch from ended_at - opened_at)), 0)::double precision as p5,
       coalesce(percentile_cont(0.95) within group (
           order by extract(epoch from ended_at - opened_at)), 0)::double precision as p95
  from governance.review_round
 where state <> 'open' and ended_at > $1::timestamptz - interval '7 days';

-- name: count_overrides
-- Approvals that were given in spite of a blocking finding.
select coalesce(sum(n_overrides), 0)::bigint from governance.review_round where n_overrides > 0;
