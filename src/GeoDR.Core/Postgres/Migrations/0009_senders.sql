-- Whose notification it is, by the path it came on: it is read again by that sender's parser.
alter table quarantine add column format text not null default 'distribution';

-- On a primary: looks at a sample of its own registry while no notification comes. One row, and one node looks at a time.
create table silence (
    only_row    boolean primary key default true check (only_row),
    looked_at   timestamptz not null default '-infinity',
    -- Who looks holds it until then.
    held_until  timestamptz not null default '-infinity',
    -- The known repository that was looked at last in turn, and the catalog's name that was seen last: the next look goes on behind them.
    position            text not null default '',
    catalog_position    text not null default '',
    -- Since when it is known that the registry changes and tells nothing; a notification ends it.
    since       timestamptz,
    -- What was seen first, for people.
    found       text
);
insert into silence default values;
