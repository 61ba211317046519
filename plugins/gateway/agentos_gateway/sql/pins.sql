-- name: keep_definition
-- The text $2 of the definition with digest $1.
insert into gateway.definition (digest, text) values ($1, $2) on conflict (digest) do nothing;

-- name: set_pin
-- $1 server, $2 kind, $3 name, $4 digest, $5 by whom, $6 when.
insert into gateway.pin (server, kind, name, digest, approved_by, approved_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (server, kind, name) do update
   set digest = excluded.digest, approved_by = excluded.approved_by,
       approved_at = excluded.approved_at;

-- name: delete_pin
-- $1 server, $2 kind, $3 name.
delete from gateway.pin where server = $1 and kind = $2 and name = $3;

-- name: list_pins
-- Every approval with the text of its definition; null where that is gone.
select p.server, p.kind, p.name, p.digest, p.approved_by, p.approved_at, d.text
  from gateway.pin p left join gateway.definition d using (digest)
 order by p.server, p.kind, p.name;
