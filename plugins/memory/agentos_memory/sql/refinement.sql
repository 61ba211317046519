-- name: list_progress
-- How far each repository is refined.
select repository_id, graph_generation, servers, done_count, waiting_count, failure
  from memory.refinement_progress;

-- name: find_progress
-- How far repository $1 is refined.
select repository_id, graph_generation, servers, done_count, waiting_count, failure
  from memory.refinement_progress where repository_id = $1;

-- name: record_progress
-- Of repository $1 with graph generation $2: servers $3, asked about $4, waiting $5, failure $6, at
-- $7. No row where the repository is gone.
insert into memory.refinement_progress (repository_id, graph_generation, servers, done_count,
                                        waiting_count, failure, updated_at)
select id, $2, $3, $4, $5, $6, $7 from memory.repository where id = $1
on conflict (repository_id) do update
   set graph_generation = excluded.graph_generation, servers = excluded.servers,
       done_count = excluded.done_count, waiting_count = excluded.waiting_count,
       failure = excluded.failure, updated_at = excluded.updated_at;

-- name: try_claim
-- Whether this connection alone refines repository $1; free again when the connection ends.
select pg_try_advisory_lock(hashtextextended('memory.refinement/' || $1::bigint, 0));

-- name: release_claim
-- The opposite.
select pg_advisory_unlock(hashtextextended('memory.refinement/' || $1::bigint, 0));

-- name: read_files
-- The files of the graph of repository $1 that search reads too, with their digest, and what was
-- answered about each.
select g.path, g.content_id, f.sha256, a.answers
  from memory.graph_file g
  join memory.file f
    on f.repository_id = g.repository_id and f.path = g.path and f.content_id = g.content_id
  left join memory.server_answer a
    on a.repository_id = g.repository_id and a.content_id = g.content_id
 where g.repository_id = $1;

-- name: store_answers
-- All answers about contents $2 in repository $1: how many $3, and which $4, at $5. A content that
-- was cleared away meanwhile is left out.
insert into memory.server_answer (repository_id, content_id, site_count, answers, answered_at)
select $1, a.content_id, a.site_count, a.answers, $5
  from unnest($2::bigint[], $3::int[], $4::bytea[]) a (content_id, site_count, answers)
 where exists (select 1 from memory.content c where c.id = a.content_id)
   and exists (select 1 from memory.repository r where r.id = $1)
on conflict (repository_id, content_id) do update
   set site_count = excluded.site_count, answers = excluded.answers,
       answered_at = excluded.answered_at;

-- name: adopt_answers
-- Repository $1 is a work tree of the same repository as those of ids $2: what was answered about
-- contents of theirs that it has too need not be asked again. How many contents that were.
with adopted as (
    insert into memory.server_answer (repository_id, content_id, site_count, answers, answered_at)
    select distinct on (a.content_id)
           $1::bigint, a.content_id, a.site_count, a.answers, a.answered_at
      from memory.server_answer a
      join memory.graph_file g on g.repository_id = $1 and g.content_id = a.content_id
     where a.repository_id = any ($2::bigint[])
     order by a.content_id, a.answered_at desc
    on conflict do nothing
    returning 1)
select count(*) from adopted;

-- name: publish_answers
-- The graph of repository $1 takes the answers in.
update memory.repository set refinement = refinement + 1 where id = $1;
