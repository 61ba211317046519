-- outcome: how what was tried ended, where the observation is about trying. origin: where an
-- imported observation was made: {id, actor, created_at, work_order}.
alter table memory.observation
    add column outcome text check (outcome in ('worked', 'dead_end', 'refuted')),
    add column origin  jsonb;
-- Observations about a path, a symbol or a commit: refs @> '[{"path": ...}]'.
create index observation_refs on memory.observation using gin (refs jsonb_path_ops);
create index observation_origin on memory.observation ((origin ->> 'id')) where origin is not null;
