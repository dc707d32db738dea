-- One row for each event of a customer, of its consents and interactions, and of
-- every deal, whoever's it is or will be: which customer a deal belongs to is said
-- once, in deals, so that a deal linked late brings its past along and a deal that
-- moves takes it with it.
CREATE TABLE entries (
  position           bigint      NOT NULL, -- commit position in the log
  entity_kind        text        NOT NULL, -- customer, consent, interaction, deal
  entity_id          uuid        NOT NULL, -- the deal's id for a deal, else the customer's
  event_id           uuid        NOT NULL, -- unique
  revision           bigint      NOT NULL, -- in the entity's stream
  type               text        NOT NULL, -- deal.won, customer.registered …
  summary            text        NOT NULL, -- in a sentence
  data               json        NOT NULL, -- the event's payload, as the log has it: data ->> 'stage' is a field, data::jsonb has @> too
  occurred_at        timestamptz NOT NULL, -- when it was true in the business
  recorded_at        timestamptz NOT NULL, -- when the store took it
  actor              text        NOT NULL, -- who issued the command: the name of an API key
  on_behalf_of       text        NOT NULL, -- for whom; empty: for themselves
  reason             text        NOT NULL, -- as the actor gave it
  source_application text        NOT NULL, -- that sent the command
  source_import      text        NOT NULL, -- run of an import
  source_row         text        NOT NULL  -- of the imported file
);

-- Whose deal a deal is: what brings its entries onto a customer's timeline. Today's;
-- the past: deals_at.
CREATE TABLE deals (
  deal_id     uuid        NOT NULL, -- the deal
  customer_id uuid,                 -- whose it is; NULL: nobody's yet
  valid_from  timestamptz NOT NULL, -- from when on the row holds, by the clock of the business (occurred_at)
  known_from  timestamptz NOT NULL, -- from when on it was known so, by the clock of the log (recorded_at)
  CONSTRAINT deals_pk PRIMARY KEY (deal_id)
);

-- indexes

ALTER TABLE entries ADD CONSTRAINT entries_pk PRIMARY KEY (position);
CREATE INDEX entries_by_entity ON entries (entity_id, occurred_at DESC, position DESC);
CREATE INDEX deals_by_customer ON deals (customer_id, deal_id);
CREATE INDEX deals_history_by_customer ON deals_history (customer_id);
