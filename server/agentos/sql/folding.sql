-- name: use_utc
-- Times as text must not depend on who asks.
set local timezone = 'UTC';

-- name: tables_with_column
-- Which of the tables $1, as schema.table, have column $2.
select table_schema || '.' || table_name as name
  from information_schema.columns
 where table_schema || '.' || table_name = any ($1::text[]) and column_name = $2
 order by 1;

-- name: rows_of
-- The rows of a table whose key column is $1; the names stand for a declared table and column.
select to_jsonb(t)::text as row from read_model t where t.key_column = $1 order by 1;
