-- Deals as the sales reports count them: by how and when they closed, for what,
-- after how long, and whose they were then.
CREATE TABLE deals (
  deal_id            uuid        NOT NULL, -- the deal
  pipeline_id        uuid        NOT NULL, -- it stands or closed in
  customer_id        uuid,                 -- today's
  owner_id           uuid,                 -- today's
  line_items         jsonb       NOT NULL, -- array, in the order they were added
  opened_at          timestamptz NOT NULL, -- when it was opened
  voided             boolean     NOT NULL, -- it never was, and no figure counts it
  outcome            text        NOT NULL, -- won, lost; '' while the deal runs, and then all below is NULL
  closing            bigint,               -- revision of the event that closed it
  closed_at          timestamptz,          -- when it was won or lost
  closed_customer_id uuid,                 -- at closing
  closed_owner_id    uuid,                 -- at closing
  value_minor        bigint,               -- of a won deal, at signing
  value_currency     text,                 -- ISO 4217
  days_to_close      double precision,     -- from opened to closed
  product_ids        uuid[]      NOT NULL, -- what the closing was about: each product of the line items once; NULL in it: those that name none
  product_values     bigint[]    NOT NULL, -- the share of each in the value, in its currency; empty where that is not known
  valid_from         timestamptz NOT NULL, -- from when on the row holds, by the clock of the business (occurred_at)
  known_from         timestamptz NOT NULL, -- from when on it was known so, by the clock of the log (recorded_at)
  CONSTRAINT deals_pk PRIMARY KEY (deal_id)
) WITH (fillfactor = 85);

-- The products of the deals as they closed, spread out.
CREATE VIEW closing_products AS
  SELECT d.deal_id,    -- the deal
         d.closing,    -- revision of the event that closed it
         p.product_id, -- NULL: line items that name no product
         p.value_minor -- the product's share, in the currency of the deal's value
  FROM deals AS d, unnest(d.product_ids, d.product_values) AS p (product_id, value_minor);

-- The sums of today's closes by month, pipeline and owner, for the reports.
CREATE TABLE closings (
  month       timestamptz NOT NULL, -- its first instant, in UTC
  pipeline_id uuid        NOT NULL, -- of the deals
  owner_id    uuid        NOT NULL, -- at closing; 00000000-0000-0000-0000-000000000000: nobody
  currency    text        NOT NULL, -- ISO 4217; '' where there is no value
  won         bigint      NOT NULL, -- deals
  lost        bigint      NOT NULL, -- deals
  value_minor numeric     NOT NULL, -- of the won
  micros_won  numeric     NOT NULL, -- from opening to closing, of the won, in microseconds
  micros_lost numeric     NOT NULL, -- the same of the lost
  CONSTRAINT closings_pk PRIMARY KEY (month, pipeline_id, owner_id, currency)
);

-- The same by month and product, with the other products of the sale beside it.
CREATE TABLE sold (
  month       timestamptz NOT NULL, -- its first instant, in UTC
  products    text        NOT NULL, -- the ids of all products of the sale, in order
  product_id  uuid        NOT NULL, -- one of them; 00000000-0000-0000-0000-000000000000: none named
  currency    text        NOT NULL, -- ISO 4217; '' where there is no value
  won         bigint      NOT NULL, -- deals
  lost        bigint      NOT NULL, -- deals
  value_minor numeric     NOT NULL, -- the product's share, of the won
  micros_won  numeric     NOT NULL, -- from opening to closing, of the won, in microseconds
  micros_lost numeric     NOT NULL, -- the same of the lost
  CONSTRAINT sold_pk PRIMARY KEY (month, products, product_id, currency)
);

-- How many of today's deals were opened in a month, by whose they are, for the owners' report.
CREATE TABLE openings (
  month    timestamptz NOT NULL, -- its first instant, in UTC
  owner_id uuid        NOT NULL, -- today's; 00000000-0000-0000-0000-000000000000: nobody
  deals    bigint      NOT NULL, -- how many
  CONSTRAINT openings_pk PRIMARY KEY (month, owner_id)
);

-- Deals that went from one owner to another after they were opened, for the same as of
-- an instant: today's, less what happened since.
CREATE TABLE handovers (
  at        timestamptz NOT NULL, -- when, by the clock of the business
  opened_at timestamptz NOT NULL, -- when the deal was opened
  owner_id  uuid,                 -- who got it or gave it away; NULL: nobody
  deals     bigint      NOT NULL  -- 1: got it, -1: gave it away
);

-- indexes

CREATE INDEX handovers_at ON handovers (at) INCLUDE (opened_at, owner_id, deals);

CREATE INDEX deals_by_closing ON deals (closed_at)
  INCLUDE (outcome, pipeline_id, closed_owner_id, value_minor, value_currency, days_to_close, valid_from, known_from) WHERE outcome <> '';
-- Reports about the past start from today's sums, and look for the few closes that were
-- otherwise: which changed after they closed, were told late, or hold no longer.
CREATE INDEX deals_changed_closed ON deals (valid_from)
  INCLUDE (closed_at, outcome, pipeline_id, closed_owner_id, value_minor, value_currency, days_to_close, known_from) WHERE outcome <> '' AND valid_from > closed_at;
CREATE INDEX deals_closed_late ON deals (known_from)
  INCLUDE (closed_at, outcome, pipeline_id, closed_owner_id, value_minor, value_currency, days_to_close, valid_from) WHERE outcome <> '' AND known_from - closed_at > '1 day';
CREATE INDEX deals_history_by_closing ON deals_history (closed_at, valid_until) WHERE outcome <> '';
CREATE INDEX deals_by_opening ON deals (opened_at);
