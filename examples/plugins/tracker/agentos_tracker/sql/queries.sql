-- name: find_link
-- The work order that stands for ticket $1.
select work_order from tracker.link where ticket = $1;

-- name: insert_link
-- Work order $2 stands for ticket $1; the first one stays.
insert into tracker.link (ticket, work_order) values ($1, $2) on conflict (ticket) do nothing;

-- name: read_cursor
-- The event up to which the tracker was told.
select position from tracker.cursor;

-- name: find_untold
-- The ticket of work order $2, unless the tracker was told of event $1 before.
select ticket from tracker.link, tracker.cursor where work_order = $2 and position < $1;

-- name: advance_cursor
-- The tracker was told of event $1; the cursor never goes back.
update tracker.cursor set position = $1 where position < $1;
