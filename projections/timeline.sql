-- One row for each event of a customer, of its consents and interactions, and of
-- every deal, whoever's it is or will be: which customer a deal belongs to is said
-- once, in deals, so that a deal linked late brings its past along and a deal that
-- moves takes it with it.

CREATE TABLE entries (
  position           bigint      NOT NULL, -- commit position in the log
  entity_kind        text        NOT NULL, -- customer, consent, interaction, deal
  entity_id          uuid        NOT NULL, -- the deal's id for a deal, else the customer's
  event_id           uuid        NOT NULL,
  revision           bigint      NOT NULL, -- in the entity's stream
  type               text        NOT NULL,
  summary            text        NOT NULL,
  data               jsonb       NOT NULL,
  occurred_at        timestamptz NOT NULL,
  recorded_at        timestamptz NOT NULL,
  actor              text        NOT NULL,
  on_behalf_of       text        NOT NULL,
  reason             text        NOT NULL,
  source_application text        NOT NULL,
  source_import      text        NOT NULL,
  source_row         text        NOT NULL
);

CREATE TABLE deals (
  deal_id     uuid        NOT NULL,
  customer_id uuid,
  valid_from  timestamptz NOT NULL,
  known_from  timestamptz NOT NULL,
  CONSTRAINT deals_pk PRIMARY KEY (deal_id)
);

-- indexes

ALTER TABLE entries ADD CONSTRAINT entries_pk PRIMARY KEY (position);
CREATE INDEX entries_by_entity ON entries (entity_id, occurred_at DESC, position DESC);
CREATE INDEX deals_by_customer ON deals (customer_id, deal_id);
