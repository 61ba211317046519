-- name: ensure_post
-- The row of part $3 of subject $2 in channel $1, so that there is one to lock.
insert into governance.channel_post (channel, subject, part) values ($1, $2, $3)
    on conflict do nothing;

-- name: lock_post
-- The same row, locked.
select * from governance.channel_post where channel = $1 and subject = $2 and part = $3 for update;

-- name: get_post
select * from governance.channel_post where channel = $1 and subject = $2 and part = $3;

-- name: set_claim
-- $4 is the claim of $5 until $6; whoever claimed before is fenced off. What had to be looked at again at
-- $7 or before is looked at now: should the claimant die, its claim says that it must be.
update governance.channel_post
   set claim = $4, claimed_by = $5, lease_expires_at = $6, attempt = attempt + 1,
       is_look = coalesce(settles_at <= $7, false),
       settles_at = case when settles_at > $7 then settles_at end
 where channel = $1 and subject = $2 and part = $3;

-- name: lock_claim
-- The post that claim $1 is for, locked.
select * from governance.channel_post where claim = $1 for update;

-- name: find_recorded
-- The post that message $1 of version $2 is: an answer that was lost is asked for again.
select * from governance.channel_post where message_ref = $1 and rendered_version = $2 limit 1;

-- name: set_recorded
-- $4 message, $5 version, $6 time; claim $7 ends; to be looked at again at $8, after $9 looks, the first
-- of which came after $10 seconds.
update governance.channel_post
   set message_ref = $4, rendered_version = $5, recorded_at = $6, last_claim = $7,
       claim = null, claimed_by = null, lease_expires_at = null, is_look = false,
       settles_at = $8, n_looks = $9, look_pause_s = $10
 where channel = $1 and subject = $2 and part = $3;

-- name: list_unsettled
-- Of channel $1, at $2: what must be looked at again, and when; $3 rows. Also what somebody claimed
-- whose lease is over: what they sent may be there, or come.
select subject, part, message_ref, coalesce(lease_expires_at, settles_at) as due_at
  from governance.channel_post
 where channel = $1 and message_ref is not null
   and (settles_at is not null or (claim is not null and lease_expires_at <= $2))
 order by due_at, subject, part limit $3;

-- name: get_cursor
select * from governance.channel_cursor where channel = $1;

-- name: last_position
-- Of any event.
select coalesce(max(position), 0) from kernel.event;

-- name: save_cursor
-- Channel $1 has read up to $2, at $3, says $4.
insert into governance.channel_cursor as c (channel, position, saved_at, saved_by)
values ($1, $2, $3, $4)
    on conflict (channel) do update
   set position = greatest(c.position, excluded.position),
       saved_at = case when excluded.position > c.position then excluded.saved_at else c.saved_at end,
       saved_by = case when excluded.position > c.position then excluded.saved_by else c.saved_by end
returning *;
