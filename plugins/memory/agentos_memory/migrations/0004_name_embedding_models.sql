-- What vectors are made with. One model answers queries; one more may be in the making, and takes
-- its place in one transaction once it has every vector. States: building -> serving -> retired,
-- building -> retired. settings tell how to make the embedder again, and hold no secret.
create table memory.embedding_model (
    model_id   text        primary key check (length(model_id) between 1 and 240),
    dimension  int         not null check (dimension between 1 and 16000),
    settings   jsonb       not null,
    state      text        not null check (state in ('building', 'serving', 'retired')),
    created_at timestamptz not null
);
create unique index embedding_model_serving on memory.embedding_model (state)
    where state = 'serving';
create unique index embedding_model_building on memory.embedding_model (state)
    where state = 'building';

-- Vectors from before: those of the model that was used last go on answering.
insert into memory.embedding_model (model_id, dimension, settings, state, created_at)
select model_id, 384, '{"kind": "minilm"}',
       case when row_number() over (order by max(created_at) desc, model_id) = 1
            then 'serving' else 'retired' end,
       min(created_at)
  from memory.embedding group by model_id;

-- Models differ in dimension. position grows in the order in which vectors become visible (those
-- who insert take turns), so that a reader asks only for what is new to it.
alter table memory.embedding alter column vector type halfvec;
alter table memory.embedding add column position bigint generated always as identity;
create index embedding_position on memory.embedding (model_id, position);

-- How far the texts of one scope (a repository's code, the observations) have vectors of a model.
-- is_complete: nothing is left to do for this version of the scope; what could not be read
-- (n_unreadable) waits for the next one.
create table memory.embedding_progress (
    scope        text        not null check (length(scope) between 1 and 200),
    model_id     text        not null references memory.embedding_model on delete cascade,
    version      bigint      not null,
    names_total  int         not null check (names_total >= 0),
    names_done   int         not null check (names_done between 0 and names_total),
    bodies_total int         not null check (bodies_total >= 0),
    bodies_done  int         not null check (bodies_done between 0 and bodies_total),
    n_unreadable int         not null check (n_unreadable >= 0),
    is_complete  boolean     not null,
    updated_at   timestamptz not null,
    primary key (scope, model_id)
);
