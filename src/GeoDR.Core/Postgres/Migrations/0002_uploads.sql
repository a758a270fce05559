-- Uploads of large blobs that can go on where they stopped, also in another process.
create table upload (
    repository  text not null,
    digest      text not null,
    location    text not null,
    -- Bytes that the own registry has confirmed.
    sent        bigint not null,
    updated_at  timestamptz not null default clock_timestamp(),
    primary key (repository, digest)
);

-- How far the started rows have come, written every few seconds by the worker that has them.
create table progress (
    repository_id   bigint primary key references repository (id) on delete cascade,
    claim_token     bigint not null,
    bytes_done      bigint not null,
    bytes_to_do     bigint not null,
    -- Bytes a second over the last few seconds.
    rate            double precision not null,
    updated_at      timestamptz not null default clock_timestamp()
);

-- What each piece of work came to.
create table attempt (
    id              bigint generated always as identity primary key,
    repository_id   bigint not null references repository (id) on delete cascade,
    node            text not null,
    started_at      timestamptz not null,
    ended_at        timestamptz not null default clock_timestamp(),
    bytes           bigint not null,
    -- To both registries.
    requests        bigint not null,
    -- synced, pending, failed, or why it ended early: outage, lease lost, stopped, error.
    outcome         text not null,
    message         text
);
create index attempt_repository on attempt (repository_id, id desc);
create index attempt_ended_at on attempt (ended_at);
