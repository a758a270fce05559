-- What is pruned by age is found by an index, so that a step reads no more than it removes.
create index quarantine_last_at on quarantine (last_at);
create index divergent_write_received_at on divergent_write (received_at);
create index request_finished_at on request (finished_at) where finished_at is not null;
create index reconcile_run_finished_at on reconcile_run (finished_at) where finished_at is not null;

-- Since when a reader keeps events that would have gone by age, and since when the pruning waits for it no longer.
alter table peer add column holds_since timestamptz, add column let_go_at timestamptz;

-- One that still notifies is never taken for a new one.
alter table registry_instance add column last_seen_at timestamptz not null default clock_timestamp();

-- Checks that are asked for on many repositories are requests too.
alter table request drop constraint request_kind_check;
alter table request add constraint request_kind_check check (kind in ('backfill', 'resync', 'reverify'));
alter table request add column deep boolean not null default false;
