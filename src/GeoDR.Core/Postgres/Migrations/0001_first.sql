-- One database holds what a site is, the log it writes as primary, and what it tracks as secondary.

create table site (
    only_row    boolean primary key default true check (only_row),
    name        text not null,
    role        text not null check (role in ('primary', 'secondary')),
    paused      boolean not null default false,
    created_at  timestamptz not null default now()
);

-- The event log ------------------------------------------------------------------------------------------------------

create table log (
    only_row    boolean primary key default true check (only_row),
    id          uuid not null,
    -- Every event below this id was pruned; a cursor below it must backfill.
    floor       bigint not null default 0,
    beat_at     timestamptz not null default clock_timestamp()
);

create table event (
    id              bigint generated always as identity primary key,
    -- Tells this event from one that a restored backup wrote under the same id.
    key             bigint not null,
    kind            text not null,
    repository      text not null,
    tag             text,
    digest          text,
    media_type      text,
    size            bigint,
    -- Bytes of everything the manifest refers to; null when the sender did not say.
    bytes           bigint,
    source_event_id text not null,
    instance_id     text,
    actor           text,
    occurred_at     timestamptz,
    received_at     timestamptz not null default clock_timestamp()
);
create unique index event_source_event_id on event (source_event_id);
create index event_received_at on event (received_at);

-- What readers at other sites hold on to. The row with id 0 is the log itself, so that one statement, and so one
-- snapshot, reads the log's identity together with a page of it.
create view geo_log_v1 as
    select 1 as version, l.id as log_id, 0::bigint as id, 0::bigint as key, 'log'::text as kind,
           ''::text as repository, null::text as tag, null::text as digest, null::text as media_type,
           null::bigint as bytes, null::timestamptz as occurred_at, l.beat_at as received_at,
           l.floor as floor, (select coalesce(max(id), 0) from event) as head
    from log l
    union all
    select 1, null::uuid, e.id, e.key, e.kind, e.repository, e.tag, e.digest, e.media_type,
           e.bytes, e.occurred_at, e.received_at, null::bigint, null::bigint
    from event e;

-- Notifications that could not be understood, whole; never their headers.
create table quarantine (
    id          bigint generated always as identity primary key,
    body_hash   text not null unique,
    body        bytea not null,
    truncated   boolean not null,
    problems    text[] not null,
    sender      text,
    times       integer not null default 1,
    received_at timestamptz not null default clock_timestamp(),
    last_at     timestamptz not null default clock_timestamp()
);

-- Pushes to a site where nobody should push.
create table divergent_write (
    id              bigint generated always as identity primary key,
    source_event_id text not null unique,
    kind            text not null,
    repository      text not null,
    tag             text,
    digest          text,
    actor           text,
    agent           text,
    received_at     timestamptz not null default clock_timestamp()
);

-- Inventory: what GeoDR knows this site's registry to hold -----------------------------------------------------------

create table tag (
    repository  text not null,
    name        text not null,
    digest      text not null,
    read_at     timestamptz not null default clock_timestamp(),
    primary key (repository, name)
);
create index tag_digest on tag (repository, digest);

create table manifest (
    repository  text not null,
    digest      text not null,
    media_type  text,
    bytes       bigint,
    primary key (repository, digest)
);

-- How far the primary has folded its own log into its inventory.
create table inventory_position (
    only_row    boolean primary key default true check (only_row),
    event_id    bigint not null
);

-- Tracking, on a secondary -------------------------------------------------------------------------------------------

create table cursor (
    only_row    boolean primary key default true check (only_row),
    log_id      uuid not null,
    event_id    bigint not null,
    event_key   bigint not null,
    head        bigint not null,
    beat_at     timestamptz not null,
    -- Seconds since the primary's last beat, by the clock of the database that was read.
    beat_age    double precision not null default 0,
    -- Receipt of the oldest event that was read last, as an age in seconds: the lag.
    lag_seconds double precision not null default 0,
    read_at     timestamptz not null default clock_timestamp(),
    problem     text
);

create sequence claim_token;

create table worker (
    id          uuid primary key,
    node        text not null,
    slots       integer not null,
    started_at  timestamptz not null default clock_timestamp(),
    lease_until timestamptz not null
);

create table repository (
    id              bigint generated always as identity primary key,
    name            text not null unique,
    state           smallint not null default 0 check (state between 0 and 3),
    -- 0 fresh pushes, 1 backfill, resync and retries.
    priority        smallint not null default 1,
    -- A full sync is wanted while full_wanted > full_done.
    full_wanted     bigint not null default 1,
    full_done       bigint not null default 0,
    -- A full sync that failed is not tried again before this.
    full_not_before timestamptz,
    retry_count     integer not null default 0,
    retry_at        timestamptz,
    worker_id       uuid,
    claim_token     bigint not null default 0,
    claimed_at      timestamptz,
    pending_since   timestamptz default clock_timestamp(),
    last_synced_at  timestamptz,
    created_at      timestamptz not null default clock_timestamp()
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
create index repository_pending on repository (priority, pending_since) where state = 0;
create index repository_due on repository (retry_at) where state in (0, 3) and retry_at is not null;
create index repository_claims on repository (worker_id) where state = 1;
create index repository_failed on repository (id) where state = 3;

create table waiting_reference (
    repository_id   bigint not null references repository (id) on delete cascade,
    -- A tag, or a digest for a manifest pushed without one.
    reference       text not null,
    event_id        bigint not null,
    -- The digest that the newest event names; null when no event does.
    digest          text,
    bytes           bigint,
    since           timestamptz not null default clock_timestamp(),
    not_before      timestamptz not null default clock_timestamp(),
    -- Until then a registry that disagrees with the event is asked again: the event precedes the tag.
    fresh_until     timestamptz not null default '-infinity',
    tries           integer not null default 0,
    -- The claim that may be writing this reference now.
    claim_token     bigint,
    -- The event that claim knew of; a newer one is taken in again.
    taken_event     bigint,
    -- Until then a dead worker's write may still land: what is here is read from the registry, and read again after it.
    recheck_at      timestamptz,
    failed          boolean not null default false,
    primary key (repository_id, reference)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

create table failure (
    repository_id   bigint not null references repository (id) on delete cascade,
    -- Empty for the repository as a whole.
    reference       text not null,
    kind            text not null,
    cause           text not null,
    message         text not null,
    failed_at       timestamptz not null default clock_timestamp(),
    primary key (repository_id, reference)
);

-- Tags deleted at the primary, recorded and shown; a later version applies them under guard.
create table waiting_deletion (
    repository_id   bigint not null references repository (id) on delete cascade,
    reference       text not null,
    event_id        bigint,
    recorded_at     timestamptz not null default clock_timestamp(),
    primary key (repository_id, reference)
);

-- A peer whose own probe failed: its work pauses, no attempts burn.
create table outage (
    peer        text primary key check (peer in ('primary registry', 'own registry')),
    kind        text not null,
    detail      text not null,
    since       timestamptz not null default clock_timestamp(),
    probed_at   timestamptz not null default clock_timestamp()
);

-- Backfill and resync: recorded, applied in small batches, with a durable position.
create table request (
    id          bigint generated always as identity primary key,
    kind        text not null check (kind in ('backfill', 'resync')),
    scope       text not null check (scope in ('all', 'filter')),
    state_filter smallint,
    search      text,
    source      text not null default 'catalog',
    position    text not null default '',
    marked      bigint not null default 0,
    status      text not null default 'running' check (status in ('running', 'done', 'stopped')),
    reason      text not null default '',
    problem     text,
    created_by  text not null,
    created_at  timestamptz not null default clock_timestamp(),
    finished_at timestamptz
);
create index request_running on request (id) where status = 'running';

-- Sites and people ---------------------------------------------------------------------------------------------------

create table peer (
    name        text primary key,
    role        text not null,
    url         text,
    log_id      uuid,
    event_id    bigint,
    status      jsonb not null,
    last_heard_at timestamptz not null default clock_timestamp()
);

create table app_user (
    name            text primary key,
    password_hash   text not null,
    role            text not null check (role in ('viewer', 'operator', 'admin')),
    failed_logins   integer not null default 0,
    locked_until    timestamptz,
    stamp           uuid not null default gen_random_uuid(),
    created_at      timestamptz not null default clock_timestamp()
);

create table api_token (
    name        text primary key,
    token_hash  bytea not null unique,
    role        text not null check (role in ('viewer', 'operator', 'admin')),
    created_at  timestamptz not null default clock_timestamp(),
    expires_at  timestamptz
);

-- ASP.NET's keys for cookies and anti-forgery, so that every node of a site accepts them.
create table data_protection_key (
    name        text primary key,
    xml         text not null
);
