-- name: keep_results
-- Keep results by digest: $1 digests, $2 texts and $3 redacted-or-not in parallel; $4 now.
insert into kernel.call_result (sha256, result, is_redacted, kept_at)
select distinct on (sha256) sha256, result, is_redacted, $4
  from unnest($1::text[], $2::text[], $3::bool[]) as r (sha256, result, is_redacted)
    on conflict (sha256) do update set kept_at = excluded.kept_at;

-- name: find_result
-- The result with digest $1.
select result, is_redacted from kernel.call_result where sha256 = $1;
