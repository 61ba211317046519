-- A read model: which work order stands for which ticket.
create table tracker.link (
    ticket     text primary key,
    work_order text not null unique
);
-- Up to which event the tracker was told. Not a read model: it remembers what left the house.
create table tracker.cursor (
    position bigint not null
);
insert into tracker.cursor values (0);
