-- Repositories are searched by a part of their name. Their rows are the queue and change all the time, and each change of a row writes
-- into all of its table's indexes; so the names stand once more beside them, and no sync pays for the search.
create table repository_name (
    repository_id   bigint primary key,
    name            text not null
);
insert into repository_name select id, name from repository;

create function geo_repository_added() returns trigger language plpgsql as $$
begin
    insert into repository_name select id, name from added;
    return null;
end $$;
create function geo_repository_gone() returns trigger language plpgsql as $$
begin
    delete from repository_name n using gone where n.repository_id = gone.id;
    return null;
end $$;
create trigger repository_added after insert on repository referencing new table as added for each statement execute function geo_repository_added();
create trigger repository_gone after delete on repository referencing old table as gone for each statement execute function geo_repository_gone();

-- Where this extension may not be created, a search reads every name: slower by a little at thousands, by much at a million.
do $$ begin
    create extension if not exists pg_trgm;
    create index repository_name_search on repository_name using gin (name gin_trgm_ops);
exception when others then
    raise warning 'searches by name have no index: %', sqlerrm;
end $$;

-- What lists go by, and what they are filtered by.
create index repository_last_synced on repository (last_synced_at, id);
create index repository_waiting on repository (pending_since, id) where pending_since is not null;
create index failure_cause on failure (cause, repository_id);
create index verification_failed on verification (repository_id) where state = 3;
-- How much of what was asked for still waits is counted with each reading of the status.
create index verification_asked_at on verification (asked_at) where asked_at is not null;

alter table request
    add column verification_filter smallint,
    add column cause_filter text,
    add column paused_filter boolean;
