-- The schedules of this site, as the last started process knows them; when they fire is kept by Quartz, in a schema of its own.
create table schedule (
    name        text primary key,
    every       interval not null,
    -- Why it never fires by itself.
    off         text,
    -- As Quartz said it last.
    next_at     timestamptz,
    -- Somebody wants a run now.
    wanted_at   timestamptz,
    wanted_by   text
);

-- The runs. One that is taken over from a dead node goes on in its own row.
create table schedule_run (
    id              bigint generated always as identity primary key,
    schedule        text not null,
    -- schedule, hand or retry.
    cause           text not null,
    wanted_by       text,
    -- Each attempt's node, in order. Their number is the attempt's token: a node that lost the run writes nothing more.
    nodes           text[] not null,
    scheduled_at    timestamptz not null,
    -- When it should have run: before scheduled_at where no node was up then.
    due_at          timestamptz not null,
    started_at      timestamptz not null default clock_timestamp(),
    seen_at         timestamptz not null default clock_timestamp(),
    finished_at     timestamptz,
    status          text not null default 'running' check (status in ('running', 'done', 'incomplete', 'failed')),
    -- How far it is, then what it came to.
    outcome         text,
    -- What it asked for, once: the comparison's id, or how many rows were marked.
    work            bigint
);
create unique index schedule_run_open on schedule_run (schedule) where status = 'running';
create index schedule_run_newest on schedule_run (schedule, id);

-- The run that marked a row for a check, and whether it still waits for that check.
alter table verification add column slice_id bigint, add column slice_open boolean not null default false;
create index verification_slice on verification (slice_id) where slice_id is not null;
