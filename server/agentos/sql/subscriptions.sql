-- name: subscribe
-- Remember one resource for a session that has fewer than $4; the number of rows says whether.
insert into kernel.resource_subscription (session_key, uri, subscribed_at)
select $1, $2, $3
 where (select count(*) from kernel.resource_subscription
         where session_key = $1 and uri <> $2) < $4
on conflict (session_key, uri) do update set subscribed_at = excluded.subscribed_at;

-- name: unsubscribe
-- Forget one resource of a session.
delete from kernel.resource_subscription where session_key = $1 and uri = $2;

-- name: is_subscribed
-- Whether a session wants to hear of a resource.
select exists (
    select from kernel.resource_subscription where session_key = $1 and uri = $2
);

-- name: list_subscriptions
-- What a session wants to hear of.
select uri from kernel.resource_subscription where session_key = $1;
