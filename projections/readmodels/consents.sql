-- The register of consents: how each stands, and the event it rests on. Today's; the
-- past: consents_at.
CREATE TABLE consents (
  customer_id     uuid        NOT NULL, -- whose
  purpose         text        NOT NULL, -- what for: newsletter, survey …
  channel         text        NOT NULL, -- email, phone, sms, post, messaging, social, web
  status          text        NOT NULL, -- requested, granted, withdrawn, objected, expired; only granted permits
  confirmed       boolean     NOT NULL, -- by double opt-in
  objected        boolean     NOT NULL, -- the customer said no once, and has not said yes since
  legal_basis     text        NOT NULL, -- consent, or what else permits without one
  wording_version text        NOT NULL, -- of the text that was agreed to
  wording_hash    text        NOT NULL, -- of that text
  capture_source  text        NOT NULL, -- where the answer was given
  contact_point_id uuid,                -- that it was given for; NULL: for all
  proof           text        NOT NULL, -- what shows it
  expires_at      timestamptz,          -- a grant permits before this instant
  since           timestamptz NOT NULL, -- when the event it rests on occurred
  event_id        uuid        NOT NULL, -- it rests on
  position        bigint      NOT NULL, -- of that event in the log
  revision        bigint      NOT NULL, -- of that event in the stream of the customer's consents
  valid_from      timestamptz NOT NULL, -- from when on the row holds, by the clock of the business (occurred_at)
  known_from      timestamptz NOT NULL, -- from when on it was known so, by the clock of the log (recorded_at)
  CONSTRAINT consents_pk PRIMARY KEY (customer_id, purpose, channel)
);

-- indexes

CREATE INDEX consents_by_purpose ON consents (purpose, channel, status, expires_at);
