-- name: find_link
-- The work order that stands for ticket $1.
select work_order from tracker.link where ticket = $1;

-- name: insert_link
-- Work order $2 stands for ticket $1; the first one stays.
insert into tracker.link (ticket, work_order) values ($1, $2) on conflict (ticket) do nothing;

-- name: read_cursor
-- The event up to which everything is noted.
select coalesce(max(position), 0) from tracker.delivery;

-- name: note_state
-- Event $1 of work order $2 with hash $3 says $4 at $5; noted once, whoever sees it.
insert into tracker.delivery (position, ticket, key, state, due_at)
select $1, ticket, $3, $4, $5 from tracker.link where work_order = $2
on conflict (position) do nothing;

-- name: take_due
-- The oldest row that is due at $1, taken until $2; of each ticket the first that was not sent.
update tracker.delivery set due_at = $2
 where position = (
    select position from tracker.delivery as due
     where sent_at is null and due_at <= $1
       and not exists (select from tracker.delivery as earlier
                        where earlier.ticket = due.ticket and earlier.sent_at is null
                          and earlier.position < due.position)
     order by position limit 1 for update skip locked)
returning position, ticket, key, state, attempts;

-- name: mark_sent
-- The tracker took row $1 at $2.
update tracker.delivery set sent_at = $2, error = null where position = $1;

-- name: put_back
-- Row $1 was not taken because of $3; it is due again at $2.
update tracker.delivery set due_at = $2, error = $3, attempts = attempts + 1 where position = $1;
