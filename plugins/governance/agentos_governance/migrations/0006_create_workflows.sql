-- Lists and claims walk these from the front: (-priority) ascends like the rest of the key, so that
-- a page's cursor is one comparison of rows.
drop index governance.work_order_claimable;
create index work_order_claimable on governance.work_order ((-priority), created_at, id)
 where state in ('ready', 'suspended');
create index work_order_claimable_by_role on governance.work_order (role, (-priority), created_at, id)
 where state in ('ready', 'suspended');
create index work_order_listed on governance.work_order ((-priority), created_at, id);
create index work_order_listed_by_state on governance.work_order (state, (-priority), created_at, id);
create index work_order_active on governance.work_order (id) where state = 'active';

-- Read models: every row is a function of the events in the streams `workflow/...`.
-- A definition is kept by the digest of its content, for the instances that began with it.
create table governance.workflow_definition (
    version    text        primary key,
    name       text        not null,
    document   jsonb       not null,
    first_used timestamptz not null
);

-- One row an instance; its id is that of its root work order.
create table governance.workflow (
    id                text        primary key,
    definition        text        not null,
    version           text        not null,
    -- running -> completed | compensating; compensating -> rolled_back | compensation_failed
    -- compensation_failed -> compensating (a person retried or skipped a step)
    status            text        not null check (status in ('running', 'compensating', 'completed',
                                             'rolled_back', 'compensation_failed')),
    state             text        not null,
    -- What happens next: an outcome of this work order, or a step that the server takes itself.
    work_order        text,
    has_step          boolean     not null,
    -- How far the outcomes of the work order above have been looked at.
    seen_seq          bigint      not null,
    n_transitions     int         not null,
    checkpoint        jsonb       not null,
    checkpoint_sha256 text        not null,
    started_by        text        not null,
    started_at        timestamptz not null,
    updated_at        timestamptz not null
);
create index workflow_open on governance.workflow (id) where status in ('running', 'compensating');
create index workflow_listed on governance.workflow (started_at desc, id);

-- Which work order was made for which state of which instance.
create table governance.workflow_order (
    work_order text not null primary key,
    workflow   text not null,
    state      text not null,
    visit      int  not null,
    purpose    text not null check (purpose in ('work', 'compensation')),
    -- Of the event that made it.
    seq        bigint not null,
    unique (workflow, seq)
);
