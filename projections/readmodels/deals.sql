-- A deal as its card and the board show it: one row holds the whole folded state.
CREATE TABLE deals (
  deal_id         uuid        NOT NULL,   -- the deal
  status          text        NOT NULL,   -- open, won, lost; void: it never was, and no figure counts it
  title           text        NOT NULL,   -- as somebody called it
  pipeline_id     uuid        NOT NULL,   -- it stands in
  stage           text        NOT NULL,   -- the last open one, also of a closed deal
  probability     bigint      NOT NULL,   -- percent, as the stage had it when the deal entered
  category        text        NOT NULL,   -- forecast category
  customer_id     uuid,                   -- whose deal it is; NULL: nobody's yet
  owner_id        uuid,                   -- the responsible employee; NULL: nobody
  amount_minor    bigint,                 -- as somebody said it
  amount_currency text,                   -- ISO 4217
  line_items      jsonb       NOT NULL,   -- array, in the order they were added
  worth_minor     bigint,                 -- value of a won deal; else the amount, or the sum of the line items
  worth_currency  text,                   -- ISO 4217
  expected_close  date,                   -- day; NULL: unknown
  value_minor     bigint,                 -- of a won deal, at signing
  value_currency  text,                   -- ISO 4217
  loss_reason     text        NOT NULL,   -- of a lost deal: price, competitor, timing, no_budget, no_decision, fit, other, unknown
  competitor      text        NOT NULL,   -- that it was lost to; empty: none, or unknown
  loss_note       text        NOT NULL,   -- as somebody wrote it
  opened_at       timestamptz NOT NULL,   -- when it was opened
  closed_at       timestamptz,            -- when it was won or lost; NULL while it runs
  changed_at      timestamptz NOT NULL,   -- when the latest change occurred
  revision        bigint      NOT NULL,   -- of the last event in the deal's stream
  path            text[]      NOT NULL,   -- where it stood one after the other: a stage's id, (won), (lost), (void)
  path_since      timestamptz[] NOT NULL, -- since when; until the next
  valid_from      timestamptz NOT NULL,   -- from when on the row holds, by the clock of the business (occurred_at)
  known_from      timestamptz NOT NULL,   -- from when on it was known so, by the clock of the log (recorded_at)
  CONSTRAINT deals_pk PRIMARY KEY (deal_id)
) WITH (fillfactor = 85);

-- The line items of deals as they are today. Totals are rounded half away from zero,
-- first the price, then the discount.
CREATE VIEW line_items AS
  SELECT d.deal_id,                                                                             -- whose
         i.ordinal,                                                                             -- of the deal's line items, in the order they were added
         i.id AS line_item_id,                                                                  -- the line item
         i.product AS product_id,                                                               -- NULL: none that is in the catalogue
         i.name,                                                                                -- as it stands in the offer
         i.quantity::numeric AS quantity,                                                       -- how many, or how much
         (i.unit_price ->> 'minor')::bigint AS unit_price_minor,                                -- in minor units of the currency
         i.unit_price ->> 'currency' AS currency,                                               -- ISO 4217
         coalesce(i.discount_basis_points, 0) AS discount_basis_points,                         -- 1000 are 10 %
         round(round(i.quantity::numeric * (i.unit_price ->> 'minor')::bigint)
               * (10000 - coalesce(i.discount_basis_points, 0)) / 10000)::bigint AS total_minor -- after the discount
  FROM deals AS d,
       ROWS FROM (jsonb_to_recordset(d.line_items) AS (id uuid, product uuid, name text, quantity text,
                  unit_price jsonb, discount_basis_points integer)) WITH ORDINALITY
         AS i (id, product, name, quantity, unit_price, discount_basis_points, ordinal);

-- A pipeline: the stages that deals go through. Today's; the past: pipelines_at.
CREATE TABLE pipelines (
  pipeline_id uuid        NOT NULL, -- the pipeline
  name        text        NOT NULL, -- as displayed
  stages      jsonb       NOT NULL, -- array, in order
  defined_at  timestamptz NOT NULL, -- when it was defined
  changed_at  timestamptz NOT NULL, -- when the latest change occurred
  revision    bigint      NOT NULL, -- of the last event in the pipeline's stream
  valid_from  timestamptz NOT NULL, -- from when on the row holds, by the clock of the business (occurred_at)
  known_from  timestamptz NOT NULL, -- from when on it was known so, by the clock of the log (recorded_at)
  CONSTRAINT pipelines_pk PRIMARY KEY (pipeline_id)
);

-- The stages of pipelines as they are today.
CREATE VIEW stages AS
  SELECT p.pipeline_id, -- whose
         s.ordinal,     -- of the pipeline's stages, in order
         s.id AS stage, -- the stage
         s.name,        -- as displayed
         s.probability, -- percent
         s.category,    -- forecast category: omitted, pipeline, best_case, commit, closed
         s.retired      -- no further deal may enter it
  FROM pipelines AS p,
       ROWS FROM (jsonb_to_recordset(p.stages) AS (id text, name text, probability integer, category text,
                  retired boolean)) WITH ORDINALITY
         AS s (id, name, probability, category, retired, ordinal);

-- The sums of each column of a board, which would else be counted over all deals that
-- ever were: a company's closed deals grow for ever, its board is looked at all day.
CREATE TABLE column_sums (
  pipeline_id uuid    NOT NULL, -- whose board it is
  status      text    NOT NULL, -- open, won, lost
  stage       text    NOT NULL, -- '' of a closed column
  currency    text    NOT NULL, -- '' of deals that are worth nothing known
  count       bigint  NOT NULL, -- deals in it
  worth_minor numeric NOT NULL, -- what they are worth, in minor units of the currency
  weighted    numeric NOT NULL, -- worth_minor times percent
  CONSTRAINT column_sums_pk PRIMARY KEY (pipeline_id, status, stage, currency)
);

-- The same by time, and by what a forecast is grouped by: what came into a column, less
-- what left it. As of an instant the column holds the months before and, of the last one,
-- the days before, and what changed on its own day.
CREATE TABLE column_changes (
  pipeline_id uuid        NOT NULL, -- whose board it is
  span        text        NOT NULL, -- month, day: how long
  since       timestamptz NOT NULL, -- its first instant, in UTC, by the clock of the business
  status      text        NOT NULL, -- open, won, lost
  stage       text        NOT NULL, -- '' of a closed column
  category    text        NOT NULL, -- forecast category; '' of a closed column
  expected    text        NOT NULL, -- month in which they are expected to close: 2026-03; '' where that is unknown, and of a closed column
  currency    text        NOT NULL, -- '' of deals that are worth nothing known
  count       bigint      NOT NULL, -- deals that came, less those that left
  worth_minor numeric     NOT NULL, -- what they are worth, in minor units of the currency
  weighted    numeric     NOT NULL, -- worth_minor times percent
  CONSTRAINT column_changes_pk PRIMARY KEY (span, since, pipeline_id, status, stage, category, expected, currency)
);

-- How many deals came to have stood in the same stages, by time, less those that went on
-- from there; and by the month in which they were opened, for the funnel.
CREATE TABLE way_changes (
  pipeline_id uuid        NOT NULL, -- of the deals
  span        text        NOT NULL, -- month, day: how long
  since       timestamptz NOT NULL, -- its first instant, in UTC, by the clock of the business
  month       timestamptz NOT NULL, -- in which they were opened: its first instant, in UTC
  status      text        NOT NULL, -- open, won, lost
  stage       text        NOT NULL, -- the last open one
  visited     text        NOT NULL, -- the stages where they stood, each once and in order, a space between
  deals       bigint      NOT NULL, -- those that came, less those that went on
  CONSTRAINT way_changes_pk PRIMARY KEY (pipeline_id, span, since, month, status, stage, visited)
);

-- How long today's deals stood where, by the day on which they left, for the stage
-- durations.
CREATE TABLE stays (
  pipeline_id   uuid        NOT NULL, -- of the deals
  place         text        NOT NULL, -- the stage
  day           timestamptz NOT NULL, -- on which the stays ended: its first instant, in UTC; of those that go on, 0001-01-01
  next          text        NOT NULL, -- where the deals went: a stage, (won), (lost); '' of stays that go on; (came): all that began on the day, (left): all that ended on it
  stays         bigint      NOT NULL, -- how many
  micros        numeric     NOT NULL, -- how long together, in microseconds; of those that go on, came and left: their beginnings, since 1970
  up_to_day     bigint      NOT NULL, -- stays that ended, and were no longer
  up_to_week    bigint      NOT NULL, -- longer than those, up to 7 days
  up_to_month   bigint      NOT NULL, -- longer than those, up to 30 days
  up_to_quarter bigint      NOT NULL, -- longer than those, up to 90 days
  longer        bigint      NOT NULL, -- longer than those
  CONSTRAINT stays_pk PRIMARY KEY (pipeline_id, place, day, next)
);

-- indexes

-- The list is newest first under every filter; each index gives a page in order.
CREATE INDEX deals_by_age ON deals (opened_at DESC, deal_id DESC);
-- One for each status: to sort a million rows by few texts first costs three times as much.
CREATE INDEX deals_open ON deals (opened_at DESC, deal_id DESC) WHERE status = 'open';
CREATE INDEX deals_won ON deals (opened_at DESC, deal_id DESC) WHERE status = 'won';
CREATE INDEX deals_lost ON deals (opened_at DESC, deal_id DESC) WHERE status = 'lost';
CREATE INDEX deals_void ON deals (opened_at DESC, deal_id DESC) WHERE status = 'void';
-- The list in the other orders that are offered; what is unknown has a place in each.
CREATE INDEX deals_by_worth ON deals (coalesce(worth_minor, '-9223372036854775808'::bigint), deal_id);
CREATE INDEX deals_by_expected ON deals (coalesce(expected_close, 'infinity'::date), deal_id);
CREATE INDEX deals_by_closed ON deals (coalesce(closed_at, 'infinity'::timestamptz), deal_id);
CREATE INDEX deals_by_customer ON deals (customer_id, opened_at DESC, deal_id DESC);
CREATE INDEX deals_by_owner ON deals (owner_id, opened_at DESC, deal_id DESC);
-- A customer's deals as of a past day.
CREATE INDEX deals_history_by_customer ON deals_history (customer_id);
-- The board: the open columns newest first, the closed ones by their latest close.
CREATE INDEX deals_by_stage ON deals (pipeline_id, stage, opened_at DESC, deal_id DESC) WHERE status = 'open';
CREATE INDEX deals_by_close ON deals (pipeline_id, status, closed_at DESC, deal_id DESC) WHERE closed_at IS NOT NULL;
-- The same of the past.
CREATE INDEX deals_history_by_stage ON deals_history (pipeline_id, stage, opened_at DESC, deal_id DESC) WHERE status = 'open';
CREATE INDEX deals_history_by_close ON deals_history (pipeline_id, status, closed_at DESC, deal_id DESC) WHERE closed_at IS NOT NULL;
-- What began and ended on a day.
CREATE INDEX deals_begin ON deals (valid_from);
CREATE INDEX deals_history_begin ON deals_history (valid_from);
CREATE INDEX deals_history_end ON deals_history (valid_until);
CREATE INDEX deals_history_void ON deals_history (valid_until) WHERE status = 'void';
-- The funnel adds up all months, which lie scattered among the days.
CREATE INDEX way_changes_by_month ON way_changes (pipeline_id, since) INCLUDE (month, status, stage, visited, deals) WHERE span = 'month';
-- The forecast looks at the open deals only.
CREATE INDEX deals_expected ON deals (expected_close)
  INCLUDE (pipeline_id, category, stage, owner_id, worth_minor, worth_currency, probability, valid_from, known_from, deal_id) WHERE status = 'open';
-- What held at an instant ended later, and lies in the younger part of the history. It is
-- a few hundred kilobytes, whatever the history's size.
CREATE INDEX deals_history_ends ON deals_history USING brin (valid_until, end_known_from) WITH (pages_per_range = 32, autosummarize = on);
