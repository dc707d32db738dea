-- A deal as its card and the board show it: one row holds the whole folded state.

CREATE TABLE deals (
  deal_id         uuid        NOT NULL,
  status          text        NOT NULL, -- open, won, lost
  title           text        NOT NULL,
  pipeline_id     uuid        NOT NULL,
  stage           text        NOT NULL, -- the last open one, also of a closed deal
  probability     bigint      NOT NULL, -- percent, as the stage had it when the deal entered
  category        text        NOT NULL, -- forecast category
  customer_id     uuid,
  owner_id        uuid,
  amount_minor    bigint,               -- as somebody said it
  amount_currency text,
  line_items      jsonb       NOT NULL, -- array, in the order they were added
  worth_minor     bigint,               -- value of a won deal; else the amount, or the sum of the line items
  worth_currency  text,
  expected_close  date,
  value_minor     bigint,               -- of a won deal, at signing
  value_currency  text,
  loss_reason     text        NOT NULL,
  competitor      text        NOT NULL,
  loss_note       text        NOT NULL,
  opened_at       timestamptz NOT NULL,
  closed_at       timestamptz,
  changed_at      timestamptz NOT NULL, -- when the latest change occurred
  revision        bigint      NOT NULL,
  path            text[]      NOT NULL, -- where it stood one after the other: a stage's id, (won), (lost)
  path_since      timestamptz[] NOT NULL, -- since when; until the next
  valid_from      timestamptz NOT NULL,
  known_from      timestamptz NOT NULL,
  CONSTRAINT deals_pk PRIMARY KEY (deal_id)
) WITH (fillfactor = 85);

-- Totals are rounded half away from zero, first the price, then the discount.
CREATE VIEW line_items AS
  SELECT d.deal_id, i.ordinal, i.id AS line_item_id, i.product AS product_id, i.name, i.quantity::numeric AS quantity,
         (i.unit_price ->> 'minor')::bigint AS unit_price_minor, i.unit_price ->> 'currency' AS currency,
         coalesce(i.discount_basis_points, 0) AS discount_basis_points,
         round(round(i.quantity::numeric * (i.unit_price ->> 'minor')::bigint)
               * (10000 - coalesce(i.discount_basis_points, 0)) / 10000)::bigint AS total_minor
  FROM deals AS d,
       ROWS FROM (jsonb_to_recordset(d.line_items) AS (id uuid, product uuid, name text, quantity text,
                  unit_price jsonb, discount_basis_points integer)) WITH ORDINALITY
         AS i (id, product, name, quantity, unit_price, discount_basis_points, ordinal);

CREATE TABLE pipelines (
  pipeline_id uuid        NOT NULL,
  name        text        NOT NULL,
  stages      jsonb       NOT NULL, -- array, in order
  defined_at  timestamptz NOT NULL,
  changed_at  timestamptz NOT NULL,
  revision    bigint      NOT NULL,
  valid_from  timestamptz NOT NULL,
  known_from  timestamptz NOT NULL,
  CONSTRAINT pipelines_pk PRIMARY KEY (pipeline_id)
);

CREATE VIEW stages AS
  SELECT p.pipeline_id, s.ordinal, s.id AS stage, s.name, s.probability, s.category, s.retired
  FROM pipelines AS p,
       ROWS FROM (jsonb_to_recordset(p.stages) AS (id text, name text, probability integer, category text,
                  retired boolean)) WITH ORDINALITY
         AS s (id, name, probability, category, retired, ordinal);

-- The sums of each column of a board, which would else be counted over all deals that
-- ever were: a company's closed deals grow for ever, its board is looked at all day.
CREATE TABLE column_sums (
  pipeline_id uuid    NOT NULL,
  status      text    NOT NULL,
  stage       text    NOT NULL, -- '' of a closed column
  currency    text    NOT NULL, -- '' of deals that are worth nothing known
  count       bigint  NOT NULL,
  worth_minor numeric NOT NULL,
  weighted    numeric NOT NULL, -- worth_minor times percent
  CONSTRAINT column_sums_pk PRIMARY KEY (pipeline_id, status, stage, currency)
);

-- indexes

-- The list is newest first under every filter; each index gives a page in order.
CREATE INDEX deals_by_age ON deals (opened_at DESC, deal_id DESC);
CREATE INDEX deals_by_status ON deals (status, opened_at DESC, deal_id DESC);
CREATE INDEX deals_by_customer ON deals (customer_id, opened_at DESC, deal_id DESC);
CREATE INDEX deals_by_owner ON deals (owner_id, opened_at DESC, deal_id DESC);
-- The board: the open columns newest first, the closed ones by their latest close.
CREATE INDEX deals_by_stage ON deals (pipeline_id, status, stage, opened_at DESC, deal_id DESC);
CREATE INDEX deals_by_close ON deals (pipeline_id, status, closed_at DESC, deal_id DESC) WHERE closed_at IS NOT NULL;
