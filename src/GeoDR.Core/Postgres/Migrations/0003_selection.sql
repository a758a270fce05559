-- What this site follows, as it was when it last started; a change is a backfill.
alter table site add column selection text;
