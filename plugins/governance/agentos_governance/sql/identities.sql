-- name: lock_persons
-- One change of persons and links at a time, in all processes, until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('governance.person', 0));

-- name: upsert_person
-- $1 name, $2 its key, $3 e-mail, $4 its key, $5 roles, $6 place on the escalation list, $7 active,
-- $8 time, $9 by whom; creation is kept.
insert into governance.person (name, person_key, email, email_key, roles, escalation, is_active,
       created_at, created_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (name) do update
   set email = excluded.email, email_key = excluded.email_key, roles = excluded.roles,
       escalation = excluded.escalation, is_active = excluded.is_active;

-- name: get_person
-- The person whose name reads like $1 (a key).
select * from governance.person where person_key = $1;

-- name: find_person_by_email
-- The person with the e-mail address of key $1.
select * from governance.person where email_key = $1;

-- name: list_persons
-- By name, after $1; $2 rows.
select * from governance.person where $1::text is null or name > $1 order by name limit $2;

-- name: list_identities
-- Of the persons $1, in order.
select * from governance.identity where person = any ($1::text[])
 order by person, channel, external_id limit 2000;

-- name: find_identity
-- Who is behind identity $2 of channel $1, and may act.
select p.name, p.roles from governance.identity i join governance.person p on p.name = i.person
 where i.channel = $1 and i.external_id = $2 and p.is_active;

-- name: find_identities
-- In channel $1, of the persons with keys $2.
select i.person, i.external_id from governance.identity i join governance.person p on p.name = i.person
 where i.channel = $1 and p.person_key = any ($2::text[]) and p.is_active
 order by i.person, i.external_id limit 500;

-- name: lock_identity
-- Identity $2 of channel $1, locked.
select * from governance.identity where channel = $1 and external_id = $2 for update;

-- name: insert_identity
-- $1 channel, $2 id in it, $3 person, $4 proof, $5 time, $6 by whom.
insert into governance.identity (channel, external_id, person, proof, linked_at, linked_by)
values ($1, $2, $3, $4, $5, $6);

-- name: delete_identity
delete from governance.identity where channel = $1 and external_id = $2;

-- name: get_unlinked
-- Whether an admin took identity $2 of channel $1 away from somebody, and nobody gave it back since.
select * from governance.unlinked_identity where channel = $1 and external_id = $2;

-- name: insert_unlinked
-- $1 channel, $2 id in it, $3 person, $4 time, $5 by whom.
insert into governance.unlinked_identity (channel, external_id, person, unlinked_at, unlinked_by)
values ($1, $2, $3, $4, $5)
    on conflict (channel, external_id) do update
   set person = excluded.person, unlinked_at = excluded.unlinked_at,
       unlinked_by = excluded.unlinked_by;

-- name: delete_unlinked
delete from governance.unlinked_identity where channel = $1 and external_id = $2;

-- name: insert_link_code
-- $1 digest, $2 person, $3 time, $4 by whom, $5 expiry.
insert into governance.link_code (code_sha256, person, created_at, created_by, expires_at)
values ($1, $2, $3, $4, $5);

-- name: find_link_code
-- The code of digest $1.
select * from governance.link_code where code_sha256 = $1;

-- name: set_link_code_used
update governance.link_code set used_at = $2 where code_sha256 = $1;

-- name: count_link_codes
-- Codes made for person $1 since $2.
select count(*) from governance.link_code where person = $1 and created_at > $2;

-- name: insert_link_refusal
-- $1 hash of the event, $2 channel, $3 id in it, $4 time.
insert into governance.link_refusal (event_hash, channel, external_id, refused_at)
values ($1, $2, $3, $4);

-- name: count_link_refusals
-- Of channel $1 since $3: of identity $2, and of all.
select count(*) filter (where external_id = $2) as of_identity, count(*) as of_channel
  from governance.link_refusal where channel = $1 and refused_at > $3;
