-- name: find_reports_elsewhere
-- Which other work orders than $1 recorded test reports with one of the digests $2; one for each.
select distinct on (sha256) sha256, work_order
  from governance.evidence
 where sha256 = any ($2::text[]) and work_order <> $1 and kind = 'test_report'
 order by sha256, created_at;
