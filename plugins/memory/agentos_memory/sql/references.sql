-- name: lock_sources
-- Those who add and remove references take turns; until the end of the transaction.
select pg_advisory_xact_lock(hashtextextended('memory.reference_source', 0));

-- name: references_version
-- Grows with every addition and removal.
select coalesce(sum(version), 0)::bigint from memory.reference_source;

-- name: find_source
-- The source named $1, removed ones included.
select id, name, format, title, path, sha256, reader, size_bytes, notices, section_count, version,
       is_removed, added_at, updated_at
  from memory.reference_source where name = $1;

-- name: list_sources
-- Sources by name.
select id, name, format, title, path, sha256, reader, size_bytes, notices, section_count, version,
       is_removed, added_at, updated_at
  from memory.reference_source where not is_removed order by name;

-- name: put_source
-- Source named $1 of format $2, titled $3, from path $4 with digest $5 of $6 bytes, notices $7,
-- $8 sections, at $9, by reader $10.
insert into memory.reference_source as s (name, format, title, path, sha256, size_bytes, notices,
                                          section_count, version, added_at, updated_at, reader)
values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $9, $10)
on conflict (name) do update
   set format = excluded.format, title = excluded.title, path = excluded.path,
       sha256 = excluded.sha256, size_bytes = excluded.size_bytes, notices = excluded.notices,
       section_count = excluded.section_count, version = s.version + 1, is_removed = false,
       added_at = case when s.is_removed then excluded.added_at else s.added_at end,
       updated_at = excluded.updated_at, reader = excluded.reader
returning id;

-- name: remove_source
-- Source $1 is removed at $2.
update memory.reference_source
   set is_removed = true, section_count = 0, version = version + 1, updated_at = $2
 where id = $1;

-- name: list_section_keys
-- What tells sections of source $1 from each other.
select id, anchor, digest from memory.reference_section where source_id = $1 order by position;

-- name: delete_sections
-- The sections $1.
delete from memory.reference_section where id = any ($1::bigint[]);

-- name: set_anchors_aside
-- Give the sections $1 anchors that nobody has, so that they can take each other's.
update memory.reference_section set anchor = 'moving#' || id where id = any ($1::bigint[]);

-- name: update_sections
-- The sections with the ids in $1, a JSON list of objects.
update memory.reference_section s
   set position = n.position, anchor = n.anchor, title = n.title, headings = n.headings,
       text = n.text, summary = n.summary, path = n.path, start_line = n.start_line,
       end_line = n.end_line, page = n.page, digest = n.digest
  from jsonb_to_recordset($1::jsonb) n (id bigint, position int, anchor text, title text,
       headings text[], text text, summary text, path text, start_line int, end_line int,
       page int, digest text)
 where s.id = n.id;

-- name: insert_sections
-- New sections of source $1, $2 as for update_sections without ids.
insert into memory.reference_section (source_id, position, anchor, title, headings, text, summary,
                                      path, start_line, end_line, page, digest)
select $1, n.position, n.anchor, n.title, n.headings, n.text, n.summary, n.path, n.start_line,
       n.end_line, n.page, n.digest
  from jsonb_to_recordset($2::jsonb) n (position int, anchor text, title text, headings text[],
       text text, summary text, path text, start_line int, end_line int, page int, digest text);

-- name: read_sections
-- Every section with its source's name, in a fixed order.
select t.id, s.name as source, t.anchor, t.title, t.headings, t.text, t.path, t.digest
  from memory.reference_section t join memory.reference_source s on s.id = t.source_id
 order by s.name, t.position;

-- name: read_hits
-- The sections $1 in full, with the last summary of a model.
select t.id, s.name as source, s.sha256, s.path as source_path, t.anchor, t.title, t.headings,
       t.text, t.summary, t.path, t.start_line, t.end_line, t.page,
       m.text as model_summary, m.model as summary_model
  from memory.reference_section t join memory.reference_source s on s.id = t.source_id
  left join lateral (select text, model from memory.section_summary
                      where digest = t.digest and text <> ''
                      order by created_at desc, model limit 1) m on true
 where t.id = any ($1::bigint[]);

-- name: find_section
-- The section with anchor $1, the last summary of a model, and the anchors before and after it.
select t.id, s.name as source, s.sha256, s.path as source_path, t.anchor, t.title, t.headings,
       t.text, t.summary, t.path, t.start_line, t.end_line, t.page,
       m.text as model_summary, m.model as summary_model,
       (select p.anchor from memory.reference_section p
         where p.source_id = t.source_id and p.position = t.position - 1) as previous,
       (select n.anchor from memory.reference_section n
         where n.source_id = t.source_id and n.position = t.position + 1) as next
  from memory.reference_section t join memory.reference_source s on s.id = t.source_id
  left join lateral (select text, model from memory.section_summary
                      where digest = t.digest and text <> ''
                      order by created_at desc, model limit 1) m on true
 where t.anchor = $1;

-- name: list_section_digests
-- What is embedded of references, what was added last first.
select t.digest
  from memory.reference_section t join memory.reference_source s on s.id = t.source_id
 order by s.updated_at desc, t.source_id, t.position;

-- name: read_section_texts
-- The sections with the digests $1.
select t.digest, t.title, t.headings, t.text
  from memory.reference_section t where t.digest = any ($1::text[]);

-- name: find_unsummarised
-- At most $4 sections of $2 characters or more, among the first $3 of each source, of which model $1
-- was not asked; what was added last comes first.
select d.digest, d.title, d.text
  from (select distinct on (t.digest) t.digest, t.title, t.text, s.updated_at, t.source_id, t.position
          from memory.reference_section t join memory.reference_source s on s.id = t.source_id
         where length(t.text) >= $2 and t.position < $3
           and not exists (select from memory.section_summary m
                            where m.digest = t.digest and m.model = $1)
         order by t.digest, t.source_id, t.position) d
 order by d.updated_at desc, d.source_id, d.position
 limit $4;

-- name: store_summary
-- Model $2 says $3 of the text with digest $1, at $4; another process may have been faster.
insert into memory.section_summary (digest, model, text, created_at) values ($1, $2, $3, $4)
on conflict do nothing;

-- name: delete_unused_summaries
-- Summaries of texts that no source has any more.
delete from memory.section_summary m
 where not exists (select from memory.reference_section t where t.digest = m.digest);
