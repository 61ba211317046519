-- name: insert_observation
-- The row of an event observation.recorded.
insert into memory.observation (id, position, created_at, actor, work_order, kind, title, body,
                                tags, refs, supersedes, digest, outcome, origin)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: supersede_observation
-- Observation $1 is replaced by $2.
update memory.observation set superseded_by = $2 where id = $1;

-- name: find_observation
-- Observation $1, or no row.
select id, superseded_by from memory.observation where id = $1;

-- name: read_observation
-- Observation $1, whole.
select id, position, created_at, actor, work_order, kind, title, body, tags, refs, supersedes,
       superseded_by, digest, outcome, origin
  from memory.observation
 where id = $1;

-- name: list_shown_observations
-- The $1 newest that were not replaced, as lists of resources name them.
select id, kind, title
  from memory.observation
 where superseded_by is null
 order by position desc
 limit $1;

-- name: complete_observations
-- Ids that begin with $1, newest first; $2 rows.
select id
  from memory.observation
 where starts_with(id, upper($1))
 order by position desc
 limit $2;

-- name: lock_text
-- Until the end of the transaction nobody else notes the text with digest $1.
select pg_advisory_xact_lock(hashtextextended('memory.observation ' || $1, 0));

-- name: find_same_text
-- Current observations with the text of digest $1, oldest first.
select id, position, created_at, actor, work_order, kind, title, body, tags, refs, supersedes,
       superseded_by, digest, outcome, origin
  from memory.observation
 where digest = $1 and superseded_by is null
 order by position;

-- name: find_imported
-- Observations that have one of the ids $1, here or where they were imported from.
select id, digest, origin ->> 'id' as origin_id
  from memory.observation
 where id = any($1::text[])
union
select id, digest, origin ->> 'id'
  from memory.observation
 where origin is not null and origin ->> 'id' = any($1::text[])
 order by id;

-- name: observation_version
-- Grows with every observation, whatever the order in which writers commit.
select count(*) as n from memory.observation;

-- name: read_observations
-- All observations, oldest first.
select id, position, created_at, actor, work_order, kind, title, body, tags, refs, supersedes,
       superseded_by, digest, outcome, origin
  from memory.observation
 order by position;

-- name: list_newest
-- The $1 newest before position $2 (null: all) that were made in [$3, $4), under work order $5, of
-- kind $6, with all tags $7, whose references include $8 (JSON, one of them); $9: superseded, too.
select id, position, created_at, actor, work_order, kind, title, body, tags, refs, supersedes,
       superseded_by, digest, outcome, origin
  from memory.observation
 where ($2::bigint is null or position < $2)
   and ($3::timestamptz is null or created_at >= $3)
   and ($4::timestamptz is null or created_at < $4)
   and ($5::text is null or work_order = $5)
   and ($6::text is null or kind = $6)
   and tags @> $7::text[]
   and ($8::jsonb is null or refs @> $8)
   and ($9::bool or superseded_by is null)
 order by position desc
 limit $1;

-- name: list_oldest
-- As list_newest, oldest first, after position $2.
select id, position, created_at, actor, work_order, kind, title, body, tags, refs, supersedes,
       superseded_by, digest, outcome, origin
  from memory.observation
 where ($2::bigint is null or position > $2)
   and ($3::timestamptz is null or created_at >= $3)
   and ($4::timestamptz is null or created_at < $4)
   and ($5::text is null or work_order = $5)
   and ($6::text is null or kind = $6)
   and tags @> $7::text[]
   and ($8::jsonb is null or refs @> $8)
   and ($9::bool or superseded_by is null)
 order by position
 limit $1;
