-- From where something was done, and what was refused.
alter table audit
    -- The client's address; of the command line the machine's name. Null for what GeoDR does by itself.
    add column address text,
    -- How often it was refused from this address within the minute that begins at "at"; null for what was done.
    add column refused integer;
-- Refusals are gathered, so that a flood of them is a few lines.
create unique index audit_refused on audit (at, what, address) where refused is not null;
