-- name: list_repositories
-- Every repository with its current generation; read before each query, so it stays small.
select id, name, root, commit, generation from memory.repository order by name;

-- name: lock_repository
-- The generation of repository $1, held until the end of the run that replaces it.
select generation from memory.repository where id = $1 for update;

-- name: insert_repository
-- $1 name, $2 root, $3 commit, $4 now. No row: the name or the root was taken meanwhile.
insert into memory.repository (name, root, commit, generation, indexed_at)
values ($1, $2, $3, 1, $4)
on conflict do nothing
returning id, name, root, commit, generation;

-- name: advance_repository
-- A new generation of repository $1: name $2, root $3, commit $4, at $5.
update memory.repository
   set name = $2, root = $3, commit = $4, indexed_at = $5, generation = generation + 1
 where id = $1
returning id, name, root, commit, generation;

-- name: move_repository
-- Nothing in the files of repository $1 changed: same generation, name $2, root $3, commit $4, at $5.
update memory.repository
   set name = $2, root = $3, commit = $4, indexed_at = $5
 where id = $1
returning id, name, root, commit, generation;

-- name: list_files
-- What is known of every file of repository $1, to decide which changed.
select path, language, module, sha256, skip_reason, skip_detail, analyser,
       facts is not null as has_facts
  from memory.file where repository_id = $1;

-- name: read_facts
-- Facts of the files $2 of repository $1; absent for what was never analysed.
select path, facts from memory.file where repository_id = $1 and path = any ($2::text[]);

-- name: delete_files
-- Forget the files $2 of repository $1 with everything taken from them.
delete from memory.file where repository_id = $1 and path = any ($2::text[]);

-- name: delete_file_contents
-- Empty the files $2 of repository $1 before their new symbols and chunks; the rows stay, since
-- edges of unchanged files point at them.
with gone as (
    delete from memory.symbol where repository_id = $1 and path = any ($2::text[])
)
delete from memory.chunk where repository_id = $1 and path = any ($2::text[]);

-- name: upsert_files
-- Files of repository $1; the arrays run in parallel.
insert into memory.file (repository_id, path, language, module, sha256, line_count,
                         skip_reason, skip_detail, analyser, facts)
select $1, f.*
  from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[],
              $9::text[], $10::bytea[]) f
on conflict (repository_id, path) do update
   set language = excluded.language, module = excluded.module, sha256 = excluded.sha256,
       line_count = excluded.line_count, skip_reason = excluded.skip_reason,
       skip_detail = excluded.skip_detail, analyser = excluded.analyser, facts = excluded.facts;

-- name: create_new_edges
-- Where the edges of the whole repository are put down to be compared with the stored ones.
create temporary table new_edge (like memory.edge) on commit drop;

-- name: analyze_new_edges
-- Tell the planner how many there are; without it the comparison may be a nested loop.
analyze new_edge;

-- name: delete_stale_edges
-- Remove the edges of repository $1 that the new resolution does not have.
delete from memory.edge e
 where e.repository_id = $1
   and not exists (
       select 1 from new_edge n
        where n.path = e.path and n.line = e.line and n.source = e.source and n.kind = e.kind
          and n.target_path = e.target_path and n.target = e.target and n.tier = e.tier
          and n.rule = e.rule and n.confidence = e.confidence);

-- name: insert_fresh_edges
-- Add the edges that repository $1 does not have yet.
insert into memory.edge
select n.* from new_edge n
 where not exists (
       select 1 from memory.edge e
        where e.repository_id = $1
          and n.path = e.path and n.line = e.line and n.source = e.source and n.kind = e.kind
          and n.target_path = e.target_path and n.target = e.target and n.tier = e.tier
          and n.rule = e.rule and n.confidence = e.confidence);

-- name: create_new_unresolved_calls
-- The same for call sites without a known target.
create temporary table new_unresolved_call (like memory.unresolved_call) on commit drop;

-- name: analyze_new_unresolved_calls
-- As for the edges.
analyze new_unresolved_call;

-- name: delete_stale_unresolved_calls
-- Remove the open call sites of repository $1 that the new resolution does not have.
delete from memory.unresolved_call u
 where u.repository_id = $1
   and not exists (
       select 1 from new_unresolved_call n
        where n.path = u.path and n.line = u.line and n.caller = u.caller
          and n.callee = u.callee and n.receiver is not distinct from u.receiver);

-- name: insert_fresh_unresolved_calls
-- Add the open call sites that repository $1 does not have yet.
insert into memory.unresolved_call
select n.* from new_unresolved_call n
 where not exists (
       select 1 from memory.unresolved_call u
        where u.repository_id = $1
          and n.path = u.path and n.line = u.line and n.caller = u.caller
          and n.callee = u.callee and n.receiver is not distinct from u.receiver);

-- name: count_index
-- What the index of repository $1 holds.
select (select count(*) from memory.file
         where repository_id = $1 and skip_reason is null) as files,
       (select count(*) from memory.symbol where repository_id = $1) as symbols,
       (select count(*) from memory.edge where repository_id = $1) as edges,
       (select count(*) from memory.chunk where repository_id = $1) as chunks;

-- name: list_known_digests
-- Which of the digests $2 have a vector of model $1.
select digest from memory.embedding where model_id = $1 and digest = any ($2::text[]);

-- name: list_unembedded_texts
-- Texts of chunks of repository $2 outside the files $3 that have no vector of model $1.
select distinct on (t.digest) t.digest, t.text
  from memory.chunk c
 cross join lateral (values (c.digest, c.embed_text), (c.name_digest, c.name_text)) t (digest, text)
 where c.repository_id = $2 and c.path <> all ($3::text[])
   and not exists (
       select 1 from memory.embedding e where e.model_id = $1 and e.digest = t.digest)
 order by t.digest;

-- name: insert_embeddings
-- Vectors of model $1 by digest $2; $3 are their texts `[x, ...]`, $4 now.
insert into memory.embedding (model_id, digest, vector, created_at)
select $1, e.digest, e.vector::halfvec, $4
  from unnest($2::text[], $3::text[]) as e (digest, vector)
on conflict do nothing;

-- name: delete_unused_embeddings
-- Vectors made before $1 that nothing needs; younger ones may belong to a run in progress.
delete from memory.embedding e
 where e.created_at < $1
   and not exists (select 1 from memory.chunk c where c.digest = e.digest)
   and not exists (select 1 from memory.chunk c where c.name_digest = e.digest)
   and not exists (select 1 from memory.observation o where o.digest = e.digest);

-- name: get_repository
-- Repository $1 in this snapshot of the database.
select id, name, root, commit, generation from memory.repository where id = $1;

-- name: read_symbols
-- Symbols of repository $1 in source order.
select path, qualified_name, name, kind, start_line, end_line, signature
  from memory.symbol where repository_id = $1
 order by path, start_line, end_line desc, qualified_name;

-- name: read_edges
-- Edges of repository $1 in order of their evidence.
select path, line, source, target_path, target, kind, tier, confidence
  from memory.edge where repository_id = $1
 order by path, line, source, target_path, target, kind;

-- name: read_unresolved_calls
-- Open call sites of repository $1 in source order.
select path, line, caller, callee, receiver
  from memory.unresolved_call where repository_id = $1
 order by path, line, caller, callee;

-- name: read_chunks
-- Chunks of repository $1 in source order, with their file's language.
select c.path, c.qualified_name, c.name, c.kind, c.start_line, c.end_line, c.digest,
       c.name_digest, c.signature, c.body, f.language
  from memory.chunk c
  join memory.file f on f.repository_id = c.repository_id and f.path = c.path
 where c.repository_id = $1
 order by c.path, c.start_line, c.end_line, c.qualified_name;

-- name: read_chunk_vectors
-- Vectors of model $2 for the chunks of repository $1 and their names, in pgvector's binary form.
select e.digest, halfvec_send(e.vector) as vector
  from memory.embedding e
 where e.model_id = $2
   and e.digest in (
       select digest from memory.chunk where repository_id = $1
       union all
       select name_digest from memory.chunk where repository_id = $1);

-- name: read_vectors
-- Vectors of model $1 for the digests $2, in pgvector's binary form.
select digest, halfvec_send(vector) as vector
  from memory.embedding where model_id = $1 and digest = any ($2::text[]);

-- name: read_file_digests
-- Digest of every file of repository $1, to tell which hits are stale.
select path, sha256 from memory.file where repository_id = $1 and skip_reason is null;

-- name: insert_observation
-- The row of an event observation.recorded.
insert into memory.observation (id, position, created_at, actor, work_order, kind, title, body,
                                tags, refs, supersedes, digest)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: supersede_observation
-- Observation $1 is replaced by $2.
update memory.observation set superseded_by = $2 where id = $1;

-- name: find_observation
-- Observation $1, or no row.
select id, superseded_by from memory.observation where id = $1;

-- name: observation_version
-- Grows with every observation, whatever the order in which writers commit.
select count(*) as n from memory.observation;

-- name: read_observations
-- All observations, oldest first.
select id, position, created_at, actor, work_order, kind, title, body, tags, refs, supersedes,
       superseded_by, digest
  from memory.observation
 order by position;
