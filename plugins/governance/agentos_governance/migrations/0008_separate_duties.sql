-- Still a read model: the column follows from the event that created the work order. Whoever is
-- answerable for a claim of one of these work orders, or of one below them, may not claim this one,
-- nor one below it.
alter table governance.work_order add column not_by_orders text[] not null default '{}';
