-- name: insert_contract_version
-- $1 work order, $2 number, $3 version, $4 contract, $5 reason, $6 who, $7 time.
insert into governance.contract_version (work_order, number, version, contract, reason, created_by,
       created_at)
values ($1, $2, $3, $4, $5, $6, $7);

-- name: set_contract
-- Version $2 with the text $3 binds work order $1 from now on.
update governance.work_order set contract_version = $2, contract = $3 where id = $1;

-- name: list_contract_versions
-- Versions of the contract of work order $1, newest first; $2 rows.
select number, version, contract, reason, created_by, created_at
  from governance.contract_version where work_order = $1 order by number desc limit $2;

-- name: last_number
-- How many versions the contract of work order $1 has.
select coalesce(max(number), 0) from governance.contract_version where work_order = $1;

-- name: lock_budget
-- Lock the money of work order $1, before the allowance of what is below it.
select work_order from governance.budget where work_order = $1 for no key update;

-- name: count_descendants
-- Lock what the work orders below $1 have spent, and bring it up to date at $2.
with locked as (
    select id from governance.allowance
     where layer = 'descendants' and subject = $1 order by id for no key update
)
select governance.count_shares(array_agg(id), $2) from locked having count(*) > 0;

-- name: set_budget
-- Work order $1 may spend $2 USD; no row: more than that is spent or held, by it or below it.
update governance.budget b set cap_usd = $2::text::numeric
 where b.work_order = $1
   and b.spent_usd + b.held_usd
       + coalesce((select sum(a.spent_usd + a.held_usd) from governance.allowance a
                    where a.layer = 'descendants' and a.subject = $1), 0) <= $2::text::numeric
returning b.cap_usd;

-- name: count_calls_by_version
-- How many calls in stream $1 each contract version admitted: an event names the versions that did.
select r.value ->> 'contract_version' as version, count(distinct e.seq) as n_calls
  from kernel.event e, jsonb_array_elements(e.data -> 'rules') r
 where e.stream = $1 and e.type = 'call.allowed' and r.value ->> 'contract_version' is not null
 group by 1 order by 1;
