-- Rows that are on their way to a worker through another library's queue. The row in repository stays the truth: an offer that nobody
-- takes up ends by itself, and the row is offered again.
create table job_offer (
    repository_id   bigint primary key references repository (id) on delete cascade,
    offered_at      timestamptz not null default clock_timestamp()
);
