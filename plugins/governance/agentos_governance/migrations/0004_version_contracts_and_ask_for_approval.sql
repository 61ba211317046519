-- Read models: every row is a function of the events.
-- Every version of every contract, the first included.
create table governance.contract_version (
    work_order text        not null,
    number     int         not null check (number > 0),
    version    text        not null,
    contract   jsonb       not null,
    reason     text,
    created_by text        not null,
    created_at timestamptz not null,
    primary key (work_order, number)
);
create index claim_worker on governance.claim (worker, claimed_at desc);

insert into governance.contract_version (work_order, number, version, contract, created_by, created_at)
select id, 1, contract_version, contract, created_by, created_at from governance.work_order;

create function governance.refuse_new_contract_text() returns trigger language plpgsql as $$
begin
    raise exception 'version % of the contract of % never changes', old.number, old.work_order
          using errcode = 'restrict_violation';
end $$;
create trigger contract_version_is_immutable before update on governance.contract_version
   for each row execute function governance.refuse_new_contract_text();

-- The contract that binds is the newest version; it may change while nobody acts under it. A parent
-- is chosen at creation among what exists, and kept: so nothing is ever its own ancestor.
create function governance.check_authority_change() returns trigger language plpgsql as $$
begin
    if new.parent is distinct from old.parent then
        raise exception '% keeps the parent it was created with', old.id
              using errcode = 'restrict_violation';
    end if;
    if new.contract = old.contract and new.contract_version = old.contract_version then
        return new;
    end if;
    if old.state not in ('blocked', 'ready', 'suspended') then
        raise exception 'the contract of % cannot change while it is %', old.id, old.state
              using errcode = 'restrict_violation';
    end if;
    if not exists (select from governance.contract_version v
                    where v.work_order = new.id and v.version = new.contract_version
                      and v.contract = new.contract
                      and v.number = (select max(n.number) from governance.contract_version n
                                       where n.work_order = new.id)) then
        raise exception 'the contract of % must be its newest version', old.id
              using errcode = 'restrict_violation';
    end if;
    return new;
end $$;
create trigger work_order_keeps_its_authority
before update of parent, contract, contract_version on governance.work_order
   for each row execute function governance.check_authority_change();
alter table governance.work_order add constraint work_order_own_parent check (parent <> id);

-- A question to a person: may this very call happen, once?
create table governance.approval (
    id                text        primary key,
    -- pending -> approved -> used; pending -> rejected
    -- pending | approved -> expired (nobody decided, or used it, in time)
    -- pending | approved -> cancelled (the work order ended, or its contract was amended)
    state             text        not null check (state in ('pending', 'approved', 'rejected',
                                                            'expired', 'cancelled', 'used')),
    -- Digest of what the approval is bound to: who asks, the call, the contracts, the policy.
    binding           text        not null,
    work_order        text,
    worker            text        not null,
    person            text,
    tool              text        not null,
    arguments         jsonb       not null,      -- redacted
    arguments_sha256  text        not null,      -- of what was sent
    contract_versions jsonb       not null,
    policy_hash       text,
    rule              text        not null,
    reason            text        not null,
    determining       jsonb       not null,
    requested_at      timestamptz not null,
    expires_at        timestamptz not null,
    decided_by        text,
    decided_person    text,
    decided_at        timestamptz,
    decision_reason   text,
    used_by_call      text,
    ended_at          timestamptz,
    check ((state = 'used') = (used_by_call is not null))
);
create unique index approval_open on governance.approval (binding) where state in ('pending', 'approved');
create index approval_binding on governance.approval (binding, requested_at desc);
create index approval_expiry on governance.approval (expires_at) where state in ('pending', 'approved');
create index approval_order on governance.approval (work_order, requested_at desc);
create index approval_list on governance.approval ((state <> 'pending'), requested_at desc, id);
