-- Invitations that this site made: each lets one site join, once, by the key that it shows first.
create table invitation (
    id          uuid primary key,
    -- The site that is invited.
    name        text not null,
    may_promote boolean not null,
    -- Known to whoever was given the invitation; of no use after its end.
    secret      bytea not null,
    created_by  text not null,
    created_at  timestamptz not null default clock_timestamp(),
    expires_at  timestamptz not null,
    -- The key that joined by it: an answer that was lost is given again to that key alone.
    used_key    text,
    used_at     timestamptz
);

-- Calls between sites that count once, by their tokens' jti; kept for longer than a token lasts.
create table seen_call (
    jti         text primary key,
    forget_at   timestamptz not null
);
