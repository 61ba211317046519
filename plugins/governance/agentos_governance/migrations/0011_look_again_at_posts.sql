-- When a channel must render a post once more: something older may still have been under way when it
-- was rendered last, and may have arrived since.
alter table governance.channel_post add column settles_at timestamptz;
create index channel_post_unsettled on governance.channel_post (channel, settles_at)
 where settles_at is not null;
create index channel_post_abandoned on governance.channel_post (channel, lease_expires_at)
 where claim is not null and message_ref is not null;

-- An admin may also say who somebody is, without a code.
alter table governance.identity
    drop constraint identity_proof_check,
    add constraint identity_proof_check check (proof in ('email', 'code', 'admin'));

-- Still a read model: whom an admin took a channel's user away from. An e-mail address does not undo
-- that, nor does a code that was made before.
create table governance.unlinked_identity (
    channel     text        not null,
    external_id text        not null,
    person      text        not null,
    unlinked_at timestamptz not null,
    unlinked_by text        not null,
    primary key (channel, external_id)
);
insert into governance.unlinked_identity (channel, external_id, person, unlinked_at, unlinked_by)
select distinct on (data ->> 'channel', data ->> 'external_id')
       data ->> 'channel', data ->> 'external_id', data ->> 'person', at, actor
  from kernel.event
 where type = 'identity.unlinked'
   and not exists (select from governance.identity i
                    where i.channel = data ->> 'channel' and i.external_id = data ->> 'external_id')
 order by data ->> 'channel', data ->> 'external_id', position desc;
