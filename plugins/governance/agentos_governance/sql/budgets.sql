-- name: admit_money
-- Hold or report $3 USD for call $1 on work order $2 at $4 until $5 in every layer at once; $6 is it a
-- report; $7, $8 layers and subjects of the call; $9 to $13 the limits of the settings: layer, window,
-- cap, whether it refuses reports, whether it names the subject. No row: admitted.
select refused_by, subject, window_s, cap_usd, spent_usd, held_usd, retry_after_s
  from governance.admit_money($1, $2, $3::text::numeric, $4, $5, $6, $7::text[], $8::text[],
       $9::text[], $10::int[], $11::text[]::numeric[], $12::boolean[], $13::boolean[]);

-- name: settle_money
-- Book what call $1 really cost, $2 USD, at $3; whether this was the first time. No row: expired.
select usd, is_first from governance.settle_money($1, $2::text::numeric, $3);

-- name: release_expired_money
-- Give back what dead calls held until $1.
select governance.release_expired_money($1);

-- name: tidy_money
-- Count what nobody counted until $1 and forget what is over.
select governance.tidy_money($1);

-- name: get_stop
-- The emergency stop, if it is on.
select is_all, reason, stopped_by, stopped_at from governance.spending_stop;

-- name: put_stop
-- Spending is stopped: $1 all writing calls too, $2 reason, $3 by whom, $4 when.
insert into governance.spending_stop (is_all, reason, stopped_by, stopped_at) values ($1, $2, $3, $4)
on conflict (is_stopped) do update
   set is_all = excluded.is_all, reason = excluded.reason, stopped_by = excluded.stopped_by,
       stopped_at = excluded.stopped_at;

-- name: drop_stop
-- Spending goes on.
delete from governance.spending_stop;

-- name: put_limit
-- $1 layer, $2 subject, $3 window, $4 cap or null, $5 what it does to reports, $6 by whom, $7 reason,
-- $8 when.
insert into governance.budget_limit (layer, subject, window_s, cap_usd, on_report, set_by, reason, set_at)
values ($1, $2, $3, $4::text::numeric, $5, $6, $7, $8)
on conflict (layer, subject, window_s) do update
   set cap_usd = excluded.cap_usd, on_report = excluded.on_report, set_by = excluded.set_by,
       reason = excluded.reason, set_at = excluded.set_at;

-- name: drop_limit
-- Layer $1, subject $2, window $3 is again as the settings say.
delete from governance.budget_limit where layer = $1 and subject = $2 and window_s = $3;

-- name: list_limits
-- Every limit that was set at run time.
select layer, subject, window_s, cap_usd, on_report, set_by, reason, set_at
  from governance.budget_limit order by layer, subject, window_s;

-- name: list_allowances
-- What each limit of layer $1 (any where null) has let through at $2, the fullest first; $3 rows.
select a.layer, a.subject, a.window_s,
       a.held_usd - coalesce(f.freed, 0) as held_usd,
       a.spent_usd + coalesce(f.added, 0) as spent_usd
  from governance.allowance a
  left join lateral (
       select sum(s.held_usd) filter (where not s.is_counted) as freed,
              sum(case when a.window_s > 0
                        and s.settled_at <= $2::timestamptz - make_interval(secs => a.window_s)
                       then case when s.is_counted then -s.settled_usd else 0 end
                       when s.is_counted then 0 else s.settled_usd end) as added
         from governance.share s
        where s.allowance = a.id and s.settled_at is not null) f on true
 where ($1::text is null or a.layer = $1) and a.layer <> 'descendants'
 order by held_usd + spent_usd desc, a.layer, a.subject, a.window_s
 limit $3;

-- name: insert_unlock
-- $1 id, $2 pattern, $3 work order or null, $4 person or null, $5 until, $6 by whom, $7 the person
-- behind them, $8 reason, $9 when.
insert into governance.unlock (id, pattern, work_order, person, expires_at, unlocked_by, opener, reason,
       created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: end_unlock
-- Unlock $1 ends at $2.
update governance.unlock set expires_at = least(expires_at, $2) where id = $1;

-- name: find_unlock
-- Unlock $1.
select id, pattern, work_order, person, expires_at from governance.unlock where id = $1;

-- name: list_unlocks
-- What is open at $3 for work order $1 or person $2, and was not opened by that person.
select id, pattern, expires_at from governance.unlock
 where expires_at > $3 and (work_order = $1 or person = $2) and opener <> $2
 order by expires_at desc;

-- name: list_all_unlocks
-- What is open at $1, or the newest $2 where $1 is null.
select id, pattern, work_order, person, expires_at, unlocked_by, reason, created_at
  from governance.unlock
 where $1::timestamptz is null or expires_at > $1
 order by created_at desc, id
 limit $2;

-- name: list_claimants
-- The people behind work order $1: whoever ever held it.
select distinct person, worker from governance.claim where work_order = $1;

-- name: put_price_table
-- $1 version, $2 in force since, $3 the table, $4 when it was adopted here.
insert into governance.price_table (version, effective_from, document, adopted_at)
values ($1, $2, $3, $4)
on conflict (version) do nothing;

-- name: find_price_table
-- The table of version $1.
select effective_from, document from governance.price_table where version = $1;

-- name: list_priced_entries
-- Ledger entries that a table priced, of work order $1 (any where null), oldest first; $2 rows after
-- ($3 time, $4 work order, $5 request).
select l.work_order, l.request_id, l.model, l.input_tokens, l.output_tokens, l.cached_input_tokens,
       l.usd, l.price_version, l.recorded_at
  from governance.ledger l
 where l.price_version is not null and ($1::text is null or l.work_order = $1)
   and (l.recorded_at, l.work_order, l.request_id) > ($3::timestamptz, $4::text, $5::text)
 order by l.recorded_at, l.work_order, l.request_id
 limit $2;

-- name: usage_history
-- What the newest $3 entries of action $1 (and model $2, where given) cost: count, least, the median,
-- the 90th percentile and the most; tokens at the same places.
select count(*) as n_entries,
       percentile_disc(0.1) within group (order by usd) as low_usd,
       percentile_disc(0.5) within group (order by usd) as likely_usd,
       percentile_disc(0.9) within group (order by usd) as high_usd,
       percentile_disc(0.1) within group (order by input_tokens) as low_input,
       percentile_disc(0.5) within group (order by input_tokens) as likely_input,
       percentile_disc(0.9) within group (order by input_tokens) as high_input,
       percentile_disc(0.1) within group (order by output_tokens) as low_output,
       percentile_disc(0.5) within group (order by output_tokens) as likely_output,
       percentile_disc(0.9) within group (order by output_tokens) as high_output
  from (select usd, input_tokens, output_tokens from governance.ledger
         where action = $1 and ($2::text is null or model = $2)
         order by recorded_at desc limit $3) newest;
