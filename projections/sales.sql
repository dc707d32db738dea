-- Deals as the sales reports count them: by how and when they closed, for what,
-- after how long, and whose they were then.

CREATE TABLE deals (
  deal_id            uuid        NOT NULL,
  pipeline_id        uuid        NOT NULL,
  customer_id        uuid,                 -- today's
  owner_id           uuid,                 -- today's
  line_items         jsonb       NOT NULL,
  opened_at          timestamptz NOT NULL,
  outcome            text        NOT NULL, -- won, lost; '' while the deal runs, and then all below is NULL
  closing            bigint,               -- revision of the event that closed it
  closed_at          timestamptz,
  closed_customer_id uuid,                 -- at closing
  closed_owner_id    uuid,
  value_minor        bigint,               -- of a won deal, at signing
  value_currency     text,
  days_to_close      double precision,     -- from opened to closed
  -- What the closing was about: each product of the deal's line items once, and its
  -- share of the value, in the value's currency.
  product_ids        uuid[]      NOT NULL, -- NULL in it: line items that name no product
  product_values     bigint[]    NOT NULL, -- none where the value is not known
  valid_from         timestamptz NOT NULL,
  known_from         timestamptz NOT NULL,
  CONSTRAINT deals_pk PRIMARY KEY (deal_id)
) WITH (fillfactor = 85);

-- The products of the deals as they closed, spread out.
CREATE VIEW closing_products AS
  SELECT d.deal_id, d.closing, p.product_id, p.value_minor
  FROM deals AS d, unnest(d.product_ids, d.product_values) AS p (product_id, value_minor);

-- indexes

CREATE INDEX deals_by_closing ON deals (closed_at)
  INCLUDE (outcome, closed_owner_id, value_minor, value_currency, days_to_close) WHERE outcome <> '';
