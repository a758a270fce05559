-- So long before the log was read last the registry may have had a push that it had not told yet: how late its newest event came, where that
-- was just before.
alter table cursor add column under_way double precision not null default 0;
