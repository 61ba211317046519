-- name: forget_results
-- Drop at most $2 results that were remembered before $1; rows that a call locks are left.
delete from kernel.idempotency
 where (principal, key) in (
       select principal, key from kernel.idempotency
        where created_at < $1
        order by created_at
        limit $2
          for update skip locked);

-- name: forget_call_results
-- Drop at most $2 results of calls that were last answered before $1.
delete from kernel.call_result
 where sha256 in (
       select sha256 from kernel.call_result
        where kept_at < $1
        order by kept_at
        limit $2
          for update skip locked);

-- name: forget_subscriptions
-- Drop at most $2 subscriptions to resources that are older than $1.
delete from kernel.resource_subscription
 where (session_key, uri) in (
       select session_key, uri from kernel.resource_subscription
        where subscribed_at < $1
        order by subscribed_at
        limit $2
          for update skip locked);

-- name: forget_log_levels
-- Drop at most $2 levels that sessions asked for before $1.
delete from kernel.log_level
 where session_key in (
       select session_key from kernel.log_level
        where set_at < $1
        order by set_at
        limit $2
          for update skip locked);
