-- What was checked of each repository at the secondary's own registry. The row is the queue, as it is for the sync.
create table verification (
    repository_id   bigint primary key references repository (id) on delete cascade,
    -- 0 pending, 1 started, 2 succeeded, 3 failed.
    state           smallint not null default 0 check (state between 0 and 3),
    -- What the next check looks at: 0 what changed since the last one, 1 everything, 2 everything, its bytes too.
    wish            smallint not null default 1 check (wish between 0 and 2),
    is_deep         boolean not null generated always as (wish = 2) stored,
    -- What the running check took of that.
    doing           smallint,
    -- Somebody waits for it.
    asked_at        timestamptz,
    -- The check after a repair: it does not wait for a quiet moment.
    healing         boolean not null default false,
    -- Something changed while a check ran.
    again           boolean not null default false,
    worker_id       uuid,
    claim_token     bigint not null default 0,
    began_at        timestamptz,
    -- When the last completed check began: what was written since is what changed.
    checked_from    timestamptz,
    kind            text check (kind in ('shallow', 'deep')),
    checked_at      timestamptz,
    -- Last check that looked at everything.
    whole_at        timestamptz,
    deep_at         timestamptz,
    -- What the next deep check is counted from; a new row begins anywhere in a month, so that they never fall due together.
    deep_from       timestamptz not null default clock_timestamp() - random() * interval '30 days',
    retry_at        timestamptz,
    pending_since   timestamptz not null default clock_timestamp(),
    failure         text,
    -- Of the last check.
    tags            bigint not null default 0,
    manifests       bigint not null default 0,
    blobs           bigint not null default 0,
    bytes           bigint not null default 0,
    requests        bigint not null default 0
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
create index verification_pending on verification (is_deep, pending_since) where state = 0;
create index verification_asked on verification (is_deep, asked_at, pending_since) where state = 0 and (asked_at is not null or healing);
create index verification_claims on verification (worker_id) where state = 1;
create index verification_whole on verification (whole_at) where state in (2, 3);
create index verification_deep on verification (deep_from) where state in (2, 3);
insert into verification (repository_id) select id from repository;

-- What a check found missing or damaged, until it was found well again.
create table damage (
    id              bigint generated always as identity primary key,
    repository_id   bigint not null references repository (id) on delete cascade,
    -- A tag, or the digest of a manifest or a blob.
    subject         text not null,
    kind            text not null,
    detail          text not null,
    -- Through which it is fetched again: a tag, or a digest that no tag leads to.
    reference       text not null,
    -- How often the sync was told to fetch it again.
    tries           integer not null default 0,
    -- The sync is told now, and trusts nothing that it remembers of the repository.
    ordered         boolean not null default false,
    found_at        timestamptz not null default clock_timestamp(),
    seen_at         timestamptz not null default clock_timestamp(),
    healed_at       timestamptz
);
create unique index damage_open on damage (repository_id, subject) where healed_at is null;
create index damage_healed_at on damage (healed_at) where healed_at is not null;
