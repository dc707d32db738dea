-- The register of consents: how each stands, and the event it rests on.

CREATE TABLE consents (
  customer_id     uuid        NOT NULL,
  purpose         text        NOT NULL,
  channel         text        NOT NULL,
  status          text        NOT NULL, -- requested, granted, withdrawn, objected, expired; only granted permits
  confirmed       boolean     NOT NULL, -- by double opt-in
  objected        boolean     NOT NULL, -- the customer said no once, and has not said yes since
  legal_basis     text        NOT NULL,
  wording_version text        NOT NULL,
  wording_hash    text        NOT NULL,
  capture_source  text        NOT NULL,
  contact_point_id uuid,
  proof           text        NOT NULL,
  expires_at      timestamptz,          -- a grant permits before this instant
  since           timestamptz NOT NULL, -- when the event it rests on occurred
  event_id        uuid        NOT NULL,
  position        bigint      NOT NULL,
  revision        bigint      NOT NULL,
  valid_from      timestamptz NOT NULL,
  known_from      timestamptz NOT NULL,
  CONSTRAINT consents_pk PRIMARY KEY (customer_id, purpose, channel)
);

-- indexes

CREATE INDEX consents_by_purpose ON consents (purpose, channel, status, expires_at);
