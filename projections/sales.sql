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
  CONSTRAINT deals_pk PRIMARY KEY (deal_id)
) WITH (fillfactor = 85);

-- What a closing was about: each product of the deal's line items once, with its
-- share of the value. Rows of a closing that was taken back stay behind; the join on
-- (deal_id, closing) does not find them.
CREATE TABLE closing_products (
  deal_id     uuid   NOT NULL,
  closing     bigint NOT NULL,
  product_id  uuid,            -- NULL: line items that name no product
  value_minor bigint           -- in the currency of the deal's value; NULL where it has none
);

-- indexes

CREATE INDEX deals_by_closing ON deals (closed_at)
  INCLUDE (outcome, closed_owner_id, value_minor, value_currency, days_to_close) WHERE outcome <> '';
CREATE INDEX closing_products_by_deal ON closing_products (deal_id, closing) INCLUDE (product_id, value_minor);
