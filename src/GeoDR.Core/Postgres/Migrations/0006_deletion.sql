-- Guarded deletion: each candidate's way from seen to applied, and what an operator said to it.
alter table waiting_deletion
    add column id           bigint generated always as identity,
    -- What stood here under the reference when it was quarantined.
    add column digest       text,
    add column state        text not null default 'seen'
        check (state in ('seen', 'quarantined', 'confirmed', 'approved', 'held', 'kept')),
    -- Why a held one is held: a word to act on, and a sentence for people.
    add column hold         text,
    add column reason       text,
    -- The quarantine's end.
    add column until        timestamptz,
    -- The first complete listing of the primary that lacked it, and the second.
    add column missed_at    timestamptz,
    add column confirmed_at timestamptz,
    -- Not looked at before; infinity for what waits for an operator.
    add column next_at      timestamptz not null default clock_timestamp(),
    add column released_by  text,
    -- The manifest that stands under the tag for a moment, where only delete by digest exists and the digest is shared.
    add column one_off      text,
    -- The digest of a deletion that was sent: where it is gone afterwards, it was by this.
    add column begun        text;
create unique index waiting_deletion_id on waiting_deletion (id);
create index waiting_deletion_seen on waiting_deletion (id) where state = 'seen';
create index waiting_deletion_due on waiting_deletion (next_at) where state in ('quarantined', 'held', 'approved');
create index waiting_deletion_confirmed on waiting_deletion (id) where state = 'confirmed';

-- What GeoDR or an operator did that cannot be undone by copying again, and who said so.
create table audit (
    id          bigint generated always as identity primary key,
    at          timestamptz not null default clock_timestamp(),
    -- "geodr", or whoever released or kept.
    who         text not null,
    what        text not null,
    repository  text,
    reference   text,
    digest      text,
    -- The event of the primary's log that asked for it; null where a listing did.
    event_id    bigint,
    detail      text
);
create index audit_at on audit (at);
