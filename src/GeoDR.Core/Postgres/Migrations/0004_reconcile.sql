-- Events that a reconcile found because their notification never came.
alter table event add column origin text not null default 'notification' check (origin in ('notification', 'reconcile'));

-- Fingerprints: for each repository one number over its (tag, digest) pairs, the sum modulo 2^256 of SHA-256 over (length, tag,
-- digest), so that one changed tag costs one addition and two sites compare a repository by one number.
create sequence fingerprint_change;

create table fingerprint (
    repository  text primary key,
    value       numeric not null,
    tags        bigint not null,
    -- Grows with every change: what changed since is one range of it.
    change      bigint not null,
    -- When the registry itself was last read, whole, and agreed or was agreed with.
    read_at     timestamptz
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
create unique index fingerprint_changed on fingerprint (change);

create function geo_tag_number(name text, digest text) returns numeric language plpgsql immutable strict parallel safe as $$
declare
    hex text := encode(sha256(convert_to(octet_length(name) || ':' || name || digest, 'UTF8')), 'hex');
    n numeric := 0;
begin
    for i in 0..7 loop
        n := n * 4294967296 + ('x' || substr(hex, i * 8 + 1, 8))::bit(32)::bigint;
    end loop;
    return n;
end $$;

create function geo_modulus() returns numeric language sql immutable parallel safe as $$
    select 115792089237316195423570985008687907853269984665640564039457584007913129639936::numeric
$$;

create function geo_add_to_fingerprint(repositories text[], numbers numeric[], counts bigint[]) returns void language sql as $$
    insert into fingerprint as f (repository, value, tags, change)
    select repository, mod(mod(n, geo_modulus()) + geo_modulus(), geo_modulus()), tags, nextval('fingerprint_change')
    from unnest(repositories, numbers, counts) as u(repository, n, tags) order by repository
    on conflict (repository) do update set
        value = mod(f.value + excluded.value, geo_modulus()), tags = f.tags + excluded.tags, change = excluded.change
$$;

create function geo_tag_changed() returns trigger language plpgsql as $$
declare
    r text[]; n numeric[]; c bigint[];
begin
    if tg_op = 'INSERT' then
        select array_agg(repository), array_agg(number), array_agg(tags) into r, n, c from (
            select repository, sum(geo_tag_number(name, digest)) as number, count(*) as tags from added group by repository) d;
    elsif tg_op = 'DELETE' then
        select array_agg(repository), array_agg(number), array_agg(tags) into r, n, c from (
            select repository, -sum(geo_tag_number(name, digest)) as number, -count(*) as tags from gone group by repository) d;
    else
        select array_agg(repository), array_agg(number), array_agg(0) into r, n, c from (
            select a.repository, sum(geo_tag_number(a.name, a.digest) - geo_tag_number(g.name, g.digest)) as number
            from added a join gone g on g.repository = a.repository and g.name = a.name where g.digest <> a.digest group by a.repository) d;
    end if;
    if r is not null then
        perform geo_add_to_fingerprint(r, n, c);
    end if;
    return null;
end $$;

create trigger tag_inserted after insert on tag referencing new table as added for each statement execute function geo_tag_changed();
create trigger tag_deleted after delete on tag referencing old table as gone for each statement execute function geo_tag_changed();
create trigger tag_updated after update on tag referencing old table as gone new table as added for each statement execute function geo_tag_changed();

select geo_add_to_fingerprint(array_agg(repository), array_agg(number), array_agg(tags)) from (
    select repository, sum(geo_tag_number(name, digest)) as number, count(*) as tags from tag group by repository) d;

-- On a secondary: the primary's fingerprints, as they were last read.
create table peer_fingerprint (
    repository      text primary key,
    value           numeric not null,
    tags            bigint not null,
    -- The pair of fingerprints that a closer look accepted although they differ: what is not followed here.
    accepted_own    numeric,
    accepted_peer   numeric
);

create table peer_position (
    only_row    boolean primary key default true check (only_row),
    log_id      uuid not null,
    change      bigint not null,
    read_at     timestamptz not null default clock_timestamp()
);

-- Comparisons of what is known with what the registry says; one waits and one runs at most.
create table reconcile_run (
    id              bigint generated always as identity primary key,
    reason          text not null,
    status          text not null default 'wanted' check (status in ('wanted', 'running', 'done', 'failed')),
    node            text,
    lease_until     timestamptz,
    wanted_at       timestamptz not null default clock_timestamp(),
    started_at      timestamptz,
    finished_at     timestamptz,
    repositories    bigint not null default 0,
    tags            bigint not null default 0,
    own_requests    bigint not null default 0,
    peer_requests   bigint not null default 0,
    found           bigint not null default 0,
    message         text
);
create unique index reconcile_run_open on reconcile_run (status) where status in ('wanted', 'running');

create table reconcile_finding (
    run_id      bigint not null references reconcile_run (id) on delete cascade,
    repository  text not null,
    reference   text not null,
    kind        text not null,
    known       text,
    found       text,
    found_at    timestamptz not null default clock_timestamp(),
    primary key (run_id, repository, reference)
);

-- Registries that have notified this site. One that is new has restarted, or is another: what the last one had still queued is gone.
create table registry_instance (
    id              text primary key,
    first_seen_at   timestamptz not null default clock_timestamp()
);

-- How far events and quarantine were looked through for reasons to compare.
create table notice (
    only_row        boolean primary key default true check (only_row),
    event_id        bigint not null,
    quarantined_at  timestamptz not null
);
