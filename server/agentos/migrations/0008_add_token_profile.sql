-- Which tools the holder of a token is shown; null is what fits the role. It grants nothing.
alter table kernel.token
    add column profile text
    check (profile in ('worker', 'reviewer', 'planner', 'admin', 'all'));
