-- Terms: who may write the log. Every site keeps every term it has heard of, as its promoter signed it.
create table term (
    promotion   uuid primary key,
    epoch       bigint not null check (epoch > 0),
    site        text not null,
    signed      text not null,
    known_at    timestamptz not null default clock_timestamp(),
    -- Why it counts no more: an operator chose another, or revoked it.
    rejected    text
);
create index term_epoch on term (epoch) where rejected is null;

alter table site
    -- A primary's own term; a secondary's, that of the primary it follows.
    add column term uuid references term (promotion),
    -- Whom a secondary follows since a change of primary; null for the settings' Geo:Primary.
    add column follows text,
    -- What this site holds is being compared with a primary that it has just begun to follow: until then nothing is copied or deleted.
    -- 'registry': what this site's registry holds is read anew for it; 'inventory': what is known of it is right.
    add column comparing text check (comparing in ('registry', 'inventory')),
    -- The planned promotion that this primary's clients are fenced for.
    add column handover uuid;

-- The other sites, and this one: who they are, and by which key they are known.
create table known_site (
    name            text primary key,
    url             text,
    public_key      text,
    may_promote     boolean not null default true,
    revoked_at      timestamptz,
    -- 'settings' and 'joined' are this site's own word; 'told' is another site's.
    source          text not null check (source in ('settings', 'joined', 'told')),
    registry_url    text,
    changed_at      timestamptz not null default clock_timestamp()
);

-- Promotions and demotions, step by step: a run that its node left is finished by the next.
create table failover_run (
    id          uuid primary key,
    kind        text not null check (kind in ('promote', 'demote')),
    planned     boolean not null,
    status      text not null default 'running' check (status in ('running', 'done', 'failed', 'undone')),
    step        text not null,
    report      jsonb not null,
    asked_by    text not null,
    asked_at    timestamptz not null default clock_timestamp(),
    ended_at    timestamptz,
    node        text,
    lease_until timestamptz
);
create unique index failover_run_one on failover_run ((true)) where status = 'running';

-- Tags whose content only one site has: offered to the primary, kept until somebody decides.
create table divergent_tag (
    site        text not null,
    repository  text not null,
    tag         text not null,
    digest      text not null,
    -- What the primary's tag of this name is; null where it has none.
    other       text,
    found_at    timestamptz not null default clock_timestamp(),
    decision    text check (decision in ('take', 'aside', 'drop')),
    decided_by  text,
    decided_at  timestamptz,
    done_at     timestamptz,
    problem     text,
    primary key (site, repository, tag)
);
