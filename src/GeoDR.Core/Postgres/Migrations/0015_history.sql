-- One repository's events are looked up by people; so is what came in lately.
create index event_repository on event (repository, id desc);
-- Deletions are few among pushes.
create index event_not_push on event (id desc) where kind <> 'push';

-- How this site was, at falling resolution: a row stands for so many seconds from its time on. Of what is measured it keeps the worst
-- of them, of what is counted the sum.
create table sample (
    seconds     integer not null,
    at          timestamptz not null,
    lag_events  bigint,
    lag_seconds double precision,
    backlog     bigint,
    failed      bigint,
    events      bigint,
    synced      bigint,
    bytes       bigint,
    primary key (seconds, at)
);

-- (secondary) How far the log had been followed at the newest sample.
create table sample_position (
    log_id      uuid primary key,
    position    bigint not null
);

-- An operator holds the sync of this repository alone: its events are taken in, and wait.
alter table repository add column paused boolean not null default false;
create index repository_paused on repository (id) where paused;
