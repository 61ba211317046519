-- name: compare_tables
-- How many rows stand in one of the two tables only; duplicates count.
select (select count(*) from (table live_table except all table rebuilt_table) a) as only_live,
       (select count(*) from (table rebuilt_table except all table live_table) b) as only_rebuilt;

-- name: copy_table
-- Fill the emptied live table with the rebuilt rows.
insert into live_table overriding system value table rebuilt_table;

-- name: defer_constraints
-- Check deferrable foreign keys at the end of the transaction.
set constraints all deferred;
