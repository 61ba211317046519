-- name: list_persons_behind
-- The persons to whom any token, revoked and expired ones included, binds one of the names $1.
select distinct person from kernel.token where worker = any ($1::text[]) and person is not null;
