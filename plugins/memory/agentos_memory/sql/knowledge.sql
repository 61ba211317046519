-- name: find_outdated
-- Repositories with a current graph whose knowledge is not that of their last index run, or was made by
-- other extractors than $1.
select r.id, r.root, r.indexed_at
  from memory.repository r
  left join memory.knowledge k on k.repository_id = r.id
 where r.graph_generation = r.generation
   and (k.repository_id is null or k.indexed_at <> r.indexed_at or k.extractors <> $1)
 order by r.indexed_at;

-- name: get_state
-- When repository $1 was indexed, and the knowledge there is of it.
select r.indexed_at as wanted_at, r.commit as wanted_commit, k.indexed_at, k.extractors, k.build,
       k.history_commit, k.skipped
  from memory.repository r
  left join memory.knowledge k on k.repository_id = r.id
 where r.id = $1;

-- name: list_indexed_files
-- Digests of the files of repository $1 that the code index holds.
select path, sha256 from memory.file where repository_id = $1 and sha256 is not null;

-- name: list_files
-- Digests of the files of repository $1 that extractors have looked at.
select path, sha256 from memory.knowledge_file where repository_id = $1;

-- name: lock_knowledge
-- The build of repository $1, held until the end of the transaction that replaces it.
select build from memory.knowledge where repository_id = $1 for update;

-- name: delete_files
-- The files $2 of repository $1 are gone.
delete from memory.knowledge_file where repository_id = $1 and path = any ($2::text[]);

-- name: delete_all_files
-- Other extractors look at repository $1: nothing of what was found counts any more.
delete from memory.knowledge_file where repository_id = $1;

-- name: upsert_files
-- What files of repository $1 gave; the arrays run in parallel.
insert into memory.knowledge_file (repository_id, path, sha256, entity_count, edge_count, extraction)
select $1, f.* from unnest($2::text[], $3::text[], $4::int[], $5::int[], $6::bytea[]) f
on conflict (repository_id, path) do update
   set sha256 = excluded.sha256, entity_count = excluded.entity_count, blame = null,
       edge_count = excluded.edge_count, extraction = excluded.extraction;

-- name: insert_knowledge
-- The first build of repository $1: indexed at $2, extractors $3, commit $4, history of commit $5
-- is $6, paths $7, skipped $8, now $9. No row: another process was faster.
insert into memory.knowledge (repository_id, indexed_at, extractors, build, commit, history_commit,
                              history, paths, skipped, built_at)
values ($1, $2, $3, 1, $4, $5, $6, $7, $8, $9)
on conflict do nothing
returning build;

-- name: advance_knowledge
-- Another build of repository $1: indexed at $2, extractors $3, commit $4, history of commit $5 is
-- $6 (null: as before), paths $7, skipped $8, now $9.
update memory.knowledge
   set indexed_at = $2, extractors = $3, commit = $4, history_commit = $5,
       history = coalesce($6, history), paths = $7, skipped = $8, built_at = $9,
       build = build + 1
 where repository_id = $1
returning build;

-- name: read_knowledge
-- Build, history and paths of repository $1.
select build, history, paths, skipped from memory.knowledge where repository_id = $1;

-- name: read_extractions
-- What the files of repository $1 gave, by path, and who changed it last.
select path, extraction, blame from memory.knowledge_file
 where repository_id = $1 and extraction is not null order by path;

-- name: find_unblamed
-- At most $2 files of repository $1 with entities that git blame was not asked about.
select path, sha256, extraction from memory.knowledge_file
 where repository_id = $1 and extraction is not null and entity_count > 0 and blame is null
 order by path limit $2;

-- name: find_blamable
-- Repositories with files that git blame was not asked about, whose knowledge is current.
select r.id, r.root
  from memory.repository r join memory.knowledge k on k.repository_id = r.id
 where k.indexed_at = r.indexed_at
   and exists (select from memory.knowledge_file f
                where f.repository_id = r.id and f.extraction is not null and f.entity_count > 0
                  and f.blame is null)
 order by r.id;

-- name: store_blame
-- Who changed the files $2 of repository $1, whose digests are $3, as $4 says; one that differs
-- by now is asked about again. The arrays run in parallel.
update memory.knowledge_file f set blame = b.blame
  from unnest($2::text[], $3::text[], $4::bytea[]) b (path, sha256, blame)
 where f.repository_id = $1 and f.path = b.path and f.sha256 = b.sha256;

-- name: count_build
-- What is known of repository $1 has changed without a build.
update memory.knowledge set build = build + 1 where repository_id = $1;
