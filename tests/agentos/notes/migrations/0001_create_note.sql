-- What the test plugin keeps from its events.
create table notes.note (
    call text        primary key,
    text text        not null,
    at   timestamptz not null
);
create table notes.word_count (
    word text   primary key,
    n    bigint not null
);
