-- name: list_repositories
-- Every repository with its generations; read before each query, so it stays small.
select id, name, root, commit, generation, graph_generation, resolver, refinement
  from memory.repository order by name;

-- name: get_repository
-- Repository $1 in this snapshot of the database.
select id, name, root, commit, generation, graph_generation, resolver, refinement
  from memory.repository where id = $1;

-- name: lock_repository
-- The generations of repository $1, held until the end of the transaction that replaces one.
select generation, graph_generation from memory.repository where id = $1 for update;

-- name: insert_repository
-- $1 name, $2 root, $3 commit, $4 now, $5 left_out. No row: the name or root was taken meanwhile.
insert into memory.repository (name, root, commit, generation, indexed_at, left_out)
values ($1, $2, $3, 1, $4, $5)
on conflict do nothing
returning id, name, root, commit, generation, graph_generation, resolver, refinement;

-- name: advance_repository
-- A new generation of repository $1: name $2, root $3, commit $4, at $5, left_out $6.
update memory.repository
   set name = $2, root = $3, commit = $4, indexed_at = $5, left_out = $6,
       generation = generation + 1
 where id = $1
returning id, name, root, commit, generation, graph_generation, resolver, refinement;

-- name: move_repository
-- Nothing in the files of repository $1 changed: same generation, name $2, root $3, commit $4, at
-- $5, left_out $6.
update memory.repository
   set name = $2, root = $3, commit = $4, indexed_at = $5, left_out = $6
 where id = $1
returning id, name, root, commit, generation, graph_generation, resolver, refinement;

-- name: complete_graph
-- The graph of repository $1 is that of its generation, made by the resolver $2.
update memory.repository set graph_generation = generation, resolver = $2 where id = $1
returning id, name, root, commit, generation, graph_generation, resolver, refinement;

-- name: list_files
-- The files of repository $1 at its generation, to find out which changed.
select path, language, module, sha256, skip_reason, skip_detail, analyser, content_id
  from memory.file where repository_id = $1;

-- name: delete_files
-- The files $2 are no longer in repository $1.
delete from memory.file where repository_id = $1 and path = any ($2::text[]);

-- name: upsert_files
-- Files of repository $1; the arrays run in parallel.
insert into memory.file (repository_id, path, language, module, sha256, skip_reason, skip_detail,
                         analyser, content_id)
select $1, f.*
  from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
              $9::bigint[]) f
on conflict (repository_id, path) do update
   set language = excluded.language, module = excluded.module, sha256 = excluded.sha256,
       skip_reason = excluded.skip_reason, skip_detail = excluded.skip_detail,
       analyser = excluded.analyser, content_id = excluded.content_id;

-- name: insert_renames
-- Files of repository $1 that are called $4 instead of $3 since generation $2, at $5.
insert into memory.file_rename (repository_id, generation, old_path, new_path, renamed_at)
select $1, $2, r.old_path, r.new_path, $5
  from unnest($3::text[], $4::text[]) as r (old_path, new_path)
on conflict do nothing;

-- name: list_renames
-- Files of repository $1 that are called otherwise now, in the order of their renaming.
select old_path, new_path from memory.file_rename
 where repository_id = $1 order by generation, old_path;

-- name: find_contents
-- Which contents of the keys $1 are stored.
select key, id, facts is not null as has_facts from memory.content where key = any ($1::text[]);

-- name: insert_contents
-- Contents by key; the arrays run in parallel, $9 is now. Another run may have been faster.
insert into memory.content (key, line_count, symbol_count, chunk_count, symbols, chunks, facts,
                            outline, created_at)
select c.*, $9
  from unnest($1::text[], $2::int[], $3::int[], $4::int[], $5::bytea[], $6::bytea[],
              $7::bytea[], $8::bytea[]) c
on conflict do nothing;

-- name: read_facts
-- What analysis took from the contents $1; absent where that cannot be stored.
select id, facts, symbols from memory.content where id = any ($1::bigint[]) and facts is not null;

-- name: read_outlines
-- Outlines of the contents $1, where their language has them.
select outline from memory.content where id = any ($1::bigint[]) and outline is not null;

-- name: delete_unused_contents
-- Contents made before $1 that no generation points at; younger ones may belong to a run that is
-- reading, or to a branch that is soon back.
delete from memory.content c
 where c.created_at < $1
   and not exists (select 1 from memory.file f where f.content_id = c.id)
   and not exists (select 1 from memory.graph_file g where g.content_id = c.id);

-- name: list_graph_files
-- The files of repository $1 in the graph's generation, to find out which differ.
select path, content_id, digest from memory.graph_file where repository_id = $1;

-- name: delete_graph_files
-- The files $2 are no longer in the graph of repository $1.
delete from memory.graph_file where repository_id = $1 and path = any ($2::text[]);

-- name: upsert_graph_files
-- Files of the graph of repository $1 that differ; the arrays run in parallel.
insert into memory.graph_file (repository_id, path, content_id, edge_count, digest, relations)
select $1, f.*
  from unnest($2::text[], $3::bigint[], $4::int[], $5::text[], $6::bytea[]) f
on conflict (repository_id, path) do update
   set content_id = excluded.content_id, edge_count = excluded.edge_count,
       digest = excluded.digest, relations = excluded.relations;

-- name: read_graph
-- Symbols and relations of repository $1, file by file, and what language servers said.
select g.path, c.symbols, g.relations, a.answers
  from memory.graph_file g
  join memory.content c on c.id = g.content_id
  left join memory.server_answer a
    on a.repository_id = g.repository_id and a.content_id = g.content_id
 where g.repository_id = $1
 order by g.path;

-- name: read_unextracted
-- Files of repository $1 from which knowledge could not be extracted to the end: reason and detail
-- by path.
select skipped -> 'files' from memory.knowledge where repository_id = $1;

-- name: read_left_out
-- Compressed list of the files of repository $1 that no analysis saw.
select left_out from memory.repository where id = $1;

-- name: list_skipped_files
-- Files of repository $1 that a language claims but that have no content.
select path, skip_reason, skip_detail from memory.file
 where repository_id = $1 and skip_reason is not null order by path;

-- name: count_index
-- What the index of repository $1 holds.
select count(*) filter (where f.skip_reason is null) as files,
       coalesce(sum(c.symbol_count), 0)::bigint as symbols,
       coalesce(sum(c.chunk_count), 0)::bigint as chunks,
       (select coalesce(sum(g.edge_count), 0)::bigint from memory.graph_file g
         where g.repository_id = $1) as edges
  from memory.file f
  left join memory.content c on c.id = f.content_id
 where f.repository_id = $1;

-- name: list_chunked_files
-- The files of repository $1 that have content, by path.
select path, language, sha256, content_id from memory.file
 where repository_id = $1 and content_id is not null order by path;

-- name: read_chunks
-- Stored chunks of the contents $1.
select id, chunks from memory.content where id = any ($1::bigint[]);
