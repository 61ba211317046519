-- Who last changed the lines that a file's entities stand on, as git blame says of the file with
-- sha256; null: not asked yet. Derived, like what the file gave.
alter table memory.knowledge_file add column blame bytea;
alter table memory.knowledge_file alter column blame set storage external;

-- What a language model said of the text with digest, by its model; text is empty where it said
-- nothing that could be kept. Kept beside the summary that the text's own sentences make.
create table memory.section_summary (
    digest     text        not null check (length(digest) = 64),
    model      text        not null check (length(model) between 1 and 200),
    text       text        not null check (length(text) <= 4000),
    created_at timestamptz not null,
    primary key (digest, model)
);
