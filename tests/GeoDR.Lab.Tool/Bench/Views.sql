-- What a large secondary's database looks like after years: {rows} repositories and {events} events, spread as at a real site. The
-- triggers that keep fingerprints in step are left out: their values are looked up here, and never compared.
set synchronous_commit = off;
select setseed(0.42);

alter table tag disable trigger all;
insert into repository (name, state, priority, full_wanted, full_done, retry_count, retry_at, pending_since, last_synced_at, paused)
select 'apps/service-' || lpad(n::text, 6, '0'), state, 1, 1, case when state = 2 then 1 else 0 end, case when state = 3 then 1 + n % 9 else 0 end,
    case when state = 3 then case when n % 3 = 0 then 'infinity' else clock_timestamp() + random() * interval '1 hour' end end,
    case when state = 0 then clock_timestamp() - random() * interval '2 days' end,
    case when state = 2 or n % 4 > 0 then clock_timestamp() - random() * random() * interval '200 days' end, n % 5000 = 17
from (select n, case when r < 0.02 then 0 when r < 0.03 then 3 else 2 end as state from (select n, random() as r from generate_series(0, {rows} - 1) n) x) y;

insert into verification (repository_id, state, wish, kind, checked_from, checked_at, whole_at, deep_at, deep_from, pending_since, retry_at, failure, tags, manifests, blobs, bytes, requests)
select id, case when r < 0.01 then 0 when r < 0.012 then 3 else 2 end, case when r < 0.01 then 1 else 0 end, 'shallow', at, at, at, at, at, at,
    case when r between 0.01 and 0.012 then clock_timestamp() + interval '1 day' end, case when r between 0.01 and 0.012 then 'The registry answered 500' end, 2, 2, 9, 0, 14
from (select id, random() as r, clock_timestamp() - random() * interval '7 days' as at from repository where state <> 0 or id % 2 = 0) x;
insert into damage (repository_id, subject, kind, detail, reference)
select repository_id, 'v1', 'missing', 'The registry has no such tag', 'v1' from verification where state = 3 and repository_id % 4 = 0;

insert into failure (repository_id, reference, kind, cause, message, failed_at)
select id, 'v1', case when retry_at = 'infinity' then 'terminal' else 'retryable' end,
    (array['no answer', 'no answer', 'no answer', 'denied', 'registry error', 'registry error', 'missing at the primary', 'too large', 'manifest too large', 'immutable tag'])[1 + (id % 10)],
    'The registry of berlin answered GET /v2/' || name || '/manifests/v1 with 502 after 3 tries', clock_timestamp() - random() * interval '2 days'
from repository where state = 3;
insert into waiting_reference (repository_id, reference, event_id, digest, bytes, since, failed, not_before)
select r.id, 'v' || t, r.id * 3 + t, 'sha256:' || md5(r.id || 'a') || md5(r.id || 'b'), case when r.id % 20 > 0 then (random() * 4e8)::bigint end,
    coalesce(r.pending_since, clock_timestamp()), r.state = 3, case when r.state = 3 then 'infinity' else clock_timestamp() end
from repository r cross join generate_series(1, 3) t where r.state = 0 and t <= 1 + r.id % 3 or r.state = 3 and t = 1;
insert into waiting_deletion (repository_id, reference, event_id, state, next_at)
select id, 'old', id, 'quarantined', clock_timestamp() + interval '1 day' from repository where id % 500 = 3;

insert into tag (repository, name, digest, read_at)
select name, 'v' || t, 'sha256:' || md5(id || '/' || t) || md5(t || '/' || id), clock_timestamp() - random() * interval '2 days'
from repository, generate_series(1, 3) t where t <= 1 + id % 3;
insert into manifest (repository, digest, media_type, bytes)
select repository, digest, 'application/vnd.oci.image.manifest.v1+json', (random() * random() * 8e8)::bigint from tag;
alter table tag enable trigger all;
insert into fingerprint (repository, value, tags, change, read_at)
select name, id, 1 + id % 3, id, case when id % 50 > 0 then clock_timestamp() - random() * interval '2 days' end from repository;
select setval('fingerprint_change', {rows} + 1), setval('claim_token', 3 * {rows});

insert into attempt (repository_id, node, started_at, ended_at, bytes, requests, outcome, message)
select 1 + floor(random() * {rows})::bigint, 'madrid-1', at, at + interval '2 seconds', (random() * 1e8)::bigint, 12, 'synced', null
from (select clock_timestamp() - random() * interval '7 days' as at from generate_series(1, {rows} / 2)) x;
insert into audit (at, who, what, repository, detail)
select clock_timestamp() - random() * interval '90 days', (array['anna', 'geodr', 'ci'])[1 + n % 3], 'paused', 'apps/service-' || lpad((n * 7 % {rows})::text, 6, '0'), null
from generate_series(1, {rows} / 10) n;
insert into sample (seconds, at, lag_events, lag_seconds, backlog, failed, events, synced, bytes)
select s, date_bin(make_interval(secs => s), now(), 'epoch') - make_interval(secs => s * i), i % 30, i % 9, 20000, 10000, i % 400, i % 390, 1000000 * (i % 17)
from unnest(array[15, 300, 1800]) s, generate_series(1, 330) i on conflict do nothing;

drop index event_repository, event_received_at, event_source_event_id, event_not_push;
insert into event (key, kind, repository, tag, digest, media_type, size, bytes, source_event_id, instance_id, actor, occurred_at, received_at)
select n * 7919, case when n % 40 = 0 then 'delete' else 'push' end, 'apps/service-' || lpad(floor(random() * random() * {rows})::text, 6, '0'),
    'v' || 1 + n % 3, 'sha256:' || md5(n || 'a') || md5(n || 'b'), 'application/vnd.oci.image.manifest.v1+json', 1200, (n * 7919) % 400000000,
    'gen-' || n, 'berlin-1', 'ci', now() - make_interval(secs => ({events} - n) / 2.0), now() - make_interval(secs => ({events} - n) / 2.0)
from generate_series(1::bigint, {events}::bigint) n;
create unique index event_source_event_id on event (source_event_id);
create index event_received_at on event (received_at);
create index event_repository on event (repository, id desc);
create index event_not_push on event (id desc) where kind <> 'push';
