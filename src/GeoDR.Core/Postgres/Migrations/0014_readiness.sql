-- Drills: what was tried on a live secondary, dated. One runs at a time; one whose node says nothing any more has failed.
create table drill_run (
    id          bigint generated always as identity primary key,
    status      text not null default 'running' check (status in ('running', 'done', 'failed')),
    asked_by    text not null,
    node        text not null,
    started_at  timestamptz not null default clock_timestamp(),
    lease_until timestamptz not null,
    ended_at    timestamptz,
    -- How far it is, then what it came to, in a sentence.
    outcome     text,
    report      jsonb
);
create unique index drill_run_one on drill_run ((true)) where status = 'running';

-- The registry told the intake of a canary: the only trace of GeoDR's own writes on a secondary, and kept for an hour.
create table canary_notice (
    digest      text primary key,
    told_at     timestamptz not null default clock_timestamp()
);

-- How long the last start of `geodr serve` took, from its composition until it listened: a change of role composes it anew.
alter table site add column start_seconds double precision;
