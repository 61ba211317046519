-- A channel looks again more than once at a message that something older may come over: how often it has,
-- the first pause, from which the others follow, and whether the claim that there is now is for a look.
alter table governance.channel_post
    add column n_looks integer not null default 0 check (n_looks >= 0),
    add column look_pause_s integer check (look_pause_s > 0),
    add column is_look boolean not null default false;
update governance.channel_post set look_pause_s = 60 where settles_at is not null;
alter table governance.channel_post
    add constraint channel_post_looks_check check (settles_at is null or look_pause_s is not null);
