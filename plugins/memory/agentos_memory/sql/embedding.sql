-- name: list_models
-- Every model with the position of its last vector; asked at most once a second per process.
select m.model_id, m.dimension, m.settings, m.state,
       (select max(e.position) from memory.embedding e where e.model_id = m.model_id) as position
  from memory.embedding_model m;

-- name: lock_models
-- Whoever changes the states of models takes turns; until the end of the transaction.
select pg_advisory_xact_lock(hashtextextended('memory.embedding_model', 0));

-- name: retire_building_models
-- The model that was in the making is wanted no more; $1 is the one that is.
update memory.embedding_model set state = 'retired' where state = 'building' and model_id <> $1;

-- name: insert_model
-- Model $1 of dimension $2 with settings $3, at $4: it serves at once where none does, else it is
-- in the making. A known one keeps its vectors; a retired one is in the making again.
insert into memory.embedding_model (model_id, dimension, settings, state, created_at)
select $1, $2, $3,
       case when exists (select 1 from memory.embedding_model where state = 'serving')
            then 'building' else 'serving' end,
       $4
on conflict (model_id) do update
   set settings = excluded.settings,
       state = case memory.embedding_model.state
               when 'retired' then excluded.state else memory.embedding_model.state end;

-- name: retire_serving_model
-- Model $1 has every vector: what served until now does so no more.
update memory.embedding_model set state = 'retired'
 where state = 'serving'
   and exists (select 1 from memory.embedding_model
                where model_id = $1 and state = 'building');

-- name: serve_model
-- And $1 serves from now on.
update memory.embedding_model set state = 'serving' where model_id = $1 and state = 'building';

-- name: delete_retired_vectors
-- Up to $2 vectors of model $1, if it is retired.
delete from memory.embedding
 where (model_id, digest) in (
       select e.model_id, e.digest from memory.embedding e
         join memory.embedding_model m on m.model_id = e.model_id
        where e.model_id = $1 and m.state = 'retired'
        limit $2);

-- name: delete_retired_model
-- Forget model $1 with its progress, if it is retired and its vectors are gone.
delete from memory.embedding_model m
 where m.model_id = $1 and m.state = 'retired'
   and not exists (select 1 from memory.embedding e where e.model_id = m.model_id);

-- name: list_progress
-- How far every scope is with model $1.
select scope, version, names_total, names_done, bodies_total, bodies_done, n_unreadable,
       is_complete
  from memory.embedding_progress where model_id = $1;

-- name: find_progress
-- How far scope $1 is with model $2.
select version, names_total, names_done, bodies_total, bodies_done, n_unreadable, is_complete
  from memory.embedding_progress where scope = $1 and model_id = $2;

-- name: record_progress
-- Scope $1 with model $2 at version $3: names $4 of $5, bodies $6 of $7, unreadable $8, complete
-- $9, at $10.
insert into memory.embedding_progress (scope, model_id, version, names_done, names_total,
                                       bodies_done, bodies_total, n_unreadable, is_complete,
                                       updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (scope, model_id) do update
   set version = excluded.version, names_done = excluded.names_done,
       names_total = excluded.names_total, bodies_done = excluded.bodies_done,
       bodies_total = excluded.bodies_total, n_unreadable = excluded.n_unreadable,
       is_complete = excluded.is_complete, updated_at = excluded.updated_at;

-- name: delete_progress
-- Forget the progress of scopes other than $1.
delete from memory.embedding_progress where scope <> all ($1::text[]);

-- name: try_claim
-- Whether this connection now holds scope $1 with model $2; free again when the connection ends.
select pg_try_advisory_lock(hashtextextended('memory.embedding/' || $1 || '/' || $2, 0));

-- name: release_claim
-- The opposite.
select pg_advisory_unlock(hashtextextended('memory.embedding/' || $1 || '/' || $2, 0));

-- name: find_vector_schema
-- The schema in which pgvector is installed.
select n.nspname from pg_type t join pg_namespace n on n.oid = t.typnamespace
 where t.typname = 'halfvec';

-- name: create_new_embeddings
-- Where vectors are put down before they are inserted.
create temporary table new_embedding (digest text not null, vector halfvec not null)
    on commit delete rows;

-- name: take_turn
-- Positions become visible in the order in which they are given.
select pg_advisory_xact_lock(hashtextextended('memory.embedding', 0));

-- name: insert_new_embeddings
-- The vectors put down, as those of model $1, at $2; a digest means one text for ever.
insert into memory.embedding (model_id, digest, vector, created_at)
select $1, digest, vector, $2 from new_embedding
on conflict do nothing;

-- name: list_missing_digests
-- Which of the digests $2 have no vector of model $1.
select d.digest
  from unnest($2::text[]) d (digest)
 where not exists (
       select 1 from memory.embedding e where e.model_id = $1 and e.digest = d.digest);

-- name: read_vectors
-- Vectors of model $1 for the digests $2, in pgvector's binary form.
select e.digest, halfvec_send(e.vector) as vector
  from unnest($2::text[]) d (digest)
  join memory.embedding e on e.model_id = $1 and e.digest = d.digest;

-- name: read_vectors_since
-- Up to $3 vectors of model $1 after position $2, in the order of their positions.
select digest, position, halfvec_send(vector) as vector
  from memory.embedding
 where model_id = $1 and position > $2
 order by position limit $3;

-- name: list_embedded_digests
-- Digests of all vectors made before $1, and of which models.
select distinct digest from memory.embedding where created_at < $1;

-- name: delete_vectors
-- The vectors of the digests $1 of all models, made before $2.
delete from memory.embedding where digest = any ($1::text[]) and created_at < $2;

-- name: list_repositories
-- Repositories whose code wants vectors.
select id, name, root, generation from memory.repository order by id;

-- name: list_chunked_files
-- Files of repository $1 that have chunks, by path.
select path, content_id from memory.file
 where repository_id = $1 and content_id is not null order by path;

-- name: read_content_chunks
-- Stored chunks of the contents $1.
select id, chunks from memory.content where id = any ($1::bigint[]);

-- name: read_stored_chunks
-- Stored chunks of the files $2 of repository $1, with the digest of what they were cut from.
select f.path, f.sha256, c.chunks
  from memory.file f join memory.content c on c.id = f.content_id
 where f.repository_id = $1 and f.path = any ($2::text[]);

-- name: count_observations
-- Version of the observations: they are only ever added.
select count(*) from memory.observation;

-- name: list_observation_digests
-- What is embedded of observations, newest first.
select digest from memory.observation order by position desc;

-- name: read_observation_texts
-- The observations with the digests $1.
select digest, title, body, tags from memory.observation where digest = any ($1::text[]);
