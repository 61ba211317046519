-- name: set_condition
-- $1 server, $2 process, $3 now, $4 connected, $5 breaker, $6 last failure.
insert into gateway.condition (server, process, seen_at, is_connected, breaker, last_failure)
values ($1, $2, $3, $4, $5, $6)
on conflict (server, process) do update
   set seen_at = excluded.seen_at, is_connected = excluded.is_connected,
       breaker = excluded.breaker, last_failure = excluded.last_failure;

-- name: forget_conditions
-- Drop the rows of process $1, and of those that were not seen since $2.
delete from gateway.condition where process = $1 or seen_at < $2;

-- name: list_conditions
-- How each server is in the processes that were seen since $1.
select server, process, seen_at, is_connected, breaker, last_failure
  from gateway.condition
 where seen_at >= $1
 order by server, process;

-- name: set_listing
-- $1 server, $2 kind, $3 now, $4 names that are new, $5 changed, $6 missing.
insert into gateway.listing (server, kind, asked_at, new, changed, missing)
values ($1, $2, $3, $4, $5, $6)
on conflict (server, kind) do update
   set asked_at = excluded.asked_at, new = excluded.new, changed = excluded.changed,
       missing = excluded.missing;

-- name: list_listings
-- What each server's last answer differed in from what is approved, without what was decided since.
select l.server, l.kind, l.asked_at,
       array(select n from unnest(l.new) n
              where not exists (select from gateway.pin p
                                 where (p.server, p.kind, p.name) = (l.server, l.kind, n))
              order by n) as new,
       array(select n from unnest(l.changed) n
              where exists (select from gateway.pin p
                             where (p.server, p.kind, p.name) = (l.server, l.kind, n)
                               and p.approved_at <= l.asked_at)
              order by n) as changed,
       array(select n from unnest(l.missing) n
              where exists (select from gateway.pin p
                             where (p.server, p.kind, p.name) = (l.server, l.kind, n))
              order by n) as missing
  from gateway.listing l
 order by l.server, l.kind;
