-- Still a read model: every column follows from the event that recorded the evidence.
-- seq is where that event stands in the work order's stream, so that evidence has an order of its
-- own; facts are what the kind's validator found; batch ties files together that one call recorded;
-- observation_sha256 names the signed observation that a piece rests on, each usable once.
alter table governance.evidence
    add column seq                bigint,
    add column facts              jsonb not null default '{}',
    add column batch              text,
    add column observation_sha256 text;
update governance.evidence v
   set seq = e.seq
  from kernel.event e
 where e.stream = 'work_order/' || v.work_order and e.hash = v.event_hash;
alter table governance.evidence alter column seq set not null;
drop index governance.evidence_work_order;
create unique index evidence_work_order on governance.evidence (work_order, seq);
create unique index evidence_observation on governance.evidence (observation_sha256)
 where observation_sha256 is not null;
