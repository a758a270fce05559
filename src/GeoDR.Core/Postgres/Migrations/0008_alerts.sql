-- What may be lost at most, as the site was told at its last start: id 0 for the site, others by name pattern.
create table target (
    id          integer primary key,
    pattern     text,
    -- The pattern as a regular expression; null takes every repository.
    expression  text,
    age_seconds double precision,
    bytes       bigint
);

-- What an operator should know. One open row for each kind and subject; it is raised when it has stood for two evaluations,
-- and over when two in a row did not find it.
create table alert (
    id          bigint generated always as identity primary key,
    kind        text not null,
    subject     text not null,
    severity    text not null check (severity in ('warning', 'critical')),
    text        text not null,
    next_step   text not null,
    figures     jsonb not null default '{}',
    since       timestamptz not null default clock_timestamp(),
    last_seen   timestamptz not null default clock_timestamp(),
    -- Evaluations in a row that found it, and that did not.
    seen        integer not null default 1,
    missed      integer not null default 0,
    raised_at   timestamptz,
    reminded_at timestamptz,
    ended_at    timestamptz
);
create unique index alert_open on alert (kind, subject) where ended_at is null;
create index alert_ended_at on alert (ended_at) where ended_at is not null;

-- One node evaluates at a time, and not more often than it should.
create table alert_clock (
    only_row        boolean primary key default true check (only_row),
    evaluated_at    timestamptz not null default '-infinity'
);
insert into alert_clock default values;

-- What is to be said, to whom. Written in the transaction that raised or ended the alert, so that a kill loses nothing.
create table alert_delivery (
    id              bigint generated always as identity primary key,
    -- The receiver knows by it what it already has; ids begin again in a new database.
    key             uuid not null default gen_random_uuid(),
    -- webhook or mail.
    target          text not null,
    event           text not null check (event in ('raised', 'reminded', 'ended')),
    alert_ids       bigint[] not null,
    message         jsonb not null,
    attempts        integer not null default 0,
    next_at         timestamptz not null default clock_timestamp(),
    created_at      timestamptz not null default clock_timestamp(),
    delivered_at    timestamptz,
    -- Tried for too long; nobody tries it again.
    given_up_at     timestamptz,
    last_error      text
);
create index alert_delivery_open on alert_delivery (next_at) where delivered_at is null and given_up_at is null;
create index alert_delivery_created_at on alert_delivery (created_at);
