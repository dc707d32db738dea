-- Who may ask, and what: the API keys. Secrets are not here, nor their digests.

-- API keys, also the revoked ones. Their names are the actors in the history.
CREATE TABLE keys (
  key_id       uuid        NOT NULL, -- the key, derived from its name
  name         text        NOT NULL, -- the actor of all that is asked with it
  role         text        NOT NULL, -- what it may do: reader, sales, marketing, service, analyst, auditor or admin
  scope_id     uuid,                 -- the employee to whose customers and deals it is confined; NULL: all
  masked       boolean     NOT NULL, -- personal data is hidden also where the role would see it
  expires_at   timestamptz,          -- from when on it lets nobody in; NULL: never
  rate_limit   bigint      NOT NULL, -- requests a second; 0: what the installation grants every key
  issued_at    timestamptz NOT NULL, -- when it was issued, by the store's clock
  issued_by    text        NOT NULL, -- the actor who issued it
  rotated_at   timestamptz,          -- when it got its present secret; NULL: when it was issued
  former_until timestamptz,          -- until when the former secret is good; NULL: it is not
  revoked_at   timestamptz,          -- when it was revoked; NULL: it was not
  revoked_by   text        NOT NULL, -- the actor who revoked it; empty: nobody
  revision     bigint      NOT NULL, -- of the last event in the key's stream
  CONSTRAINT keys_pk PRIMARY KEY (key_id)
);

-- indexes

CREATE INDEX keys_by_name ON keys (name, key_id);
