-- A customer as its card shows it: one row holds the whole folded state, so that a
-- card is one read by key. What is inside the customer (contact points, attributes,
-- links) is jsonb in that row; the views below spread it out again for SQL.
CREATE TABLE customers (
  customer_id             uuid        NOT NULL,   -- the customer
  kind                    text        NOT NULL,   -- person, organization; it never changes
  name                    text        NOT NULL,   -- as displayed
  description             text        NOT NULL,   -- as somebody wrote it
  language                text        NOT NULL,   -- BCP 47; empty: unknown
  honorific               text        NOT NULL,   -- of a person: Dr., Mx.
  given_name              text        NOT NULL,   -- of a person
  family_name             text        NOT NULL,   -- of a person
  birth_date              text        NOT NULL,   -- of a person: 1815-12-10; empty: unknown
  job_title               text        NOT NULL,   -- of a person
  legal_name              text        NOT NULL,   -- of an organization
  industry                text        NOT NULL,   -- of an organization
  founded_year            bigint      NOT NULL,   -- of an organization; 0: unknown
  employees               bigint      NOT NULL,   -- of an organization: how many; 0: unknown
  annual_revenue_minor    bigint,                 -- of an organization, in minor units of the currency; NULL: unknown
  annual_revenue_currency text,                   -- ISO 4217
  vat_id                  text        NOT NULL,   -- of an organization
  stage                   text        NOT NULL,   -- of the life cycle: subscriber, lead, marketing_qualified, sales_qualified, opportunity, customer, former, won_back
  touchpoint_source       text        NOT NULL,   -- of the latest touchpoint: where the customer came from; empty: unknown
  touchpoint_medium       text        NOT NULL,   -- of the latest touchpoint
  touchpoint_campaign     text        NOT NULL,   -- of the latest touchpoint
  owner_id                uuid,                   -- the responsible employee; NULL: nobody
  contact_points          jsonb       NOT NULL,   -- array, in the order they were added
  attributes              jsonb       NOT NULL,   -- object by key
  links                   jsonb       NOT NULL,   -- array, in the order they were made
  archived                boolean     NOT NULL,   -- out of sight, but not forgotten
  name_key                text COLLATE "C" NOT NULL, -- what the name is sorted by: its words without case, accents and signs
  search                  text        NOT NULL,   -- what the customer is found by, a space before each term: words of the name, line feed, contact points, line feed, links; as a tsvector in customers_search
  registered_at           timestamptz NOT NULL,   -- when the customer was first known, by the clock of the business
  changed_at              timestamptz NOT NULL,   -- when the latest change occurred
  revision                bigint      NOT NULL,   -- of the last event in the customer's stream
  path                    text[]      NOT NULL,   -- the lifecycle stages one after the other
  path_since              timestamptz[] NOT NULL, -- since when; until the next
  valid_from              timestamptz NOT NULL,   -- from when on the row holds, by the clock of the business (occurred_at)
  known_from              timestamptz NOT NULL,   -- from when on it was known so, by the clock of the log (recorded_at)
  CONSTRAINT customers_pk PRIMARY KEY (customer_id)
) WITH (fillfactor = 85);

-- The contact points of customers as they are today: of each, one row.
CREATE VIEW contact_points AS
  SELECT c.customer_id,                             -- whose
         p.ordinal,                                 -- of the customer's contact points, in the order they were added
         p.id AS contact_point_id,                  -- the contact point
         p.kind,                                    -- email, phone, postal, web, social
         p.label,                                   -- work, home …
         p.typed,                                   -- as it was typed
         p.normalized,                              -- in its normal form
         p.address,                                 -- of a postal one, in its parts
         coalesce(p."primary", FALSE) AS "primary", -- the first choice of its kind
         p.verified                                 -- the customer was reached there
  FROM customers AS c,
       ROWS FROM (jsonb_to_recordset(c.contact_points) AS (id uuid, kind text, label text, typed text,
                  normalized text, address jsonb, "primary" boolean, verified boolean)) WITH ORDINALITY
         AS p (id, kind, label, typed, normalized, address, "primary", verified, ordinal);

-- The custom fields of customers as they are today.
CREATE VIEW attributes AS
  SELECT c.customer_id,               -- whose
         a.key,                       -- what the field is called
         a.value ->> 'kind' AS kind,  -- text, number, boolean, date
         a.value ->> 'value' AS value -- as text: 12.5, true, 2026-11-22
  FROM customers AS c, jsonb_each(c.attributes) AS a;

-- The links of customers to organizations as they are today.
CREATE VIEW links AS
  SELECT c.customer_id,                     -- who is linked
         l.organization AS organization_id, -- to whom: a customer too
         l.relation,                        -- works_at, subsidiary_of, member_of, partner_of
         l.title                            -- as what
  FROM customers AS c, jsonb_to_recordset(c.links) AS l (organization uuid, relation text, title text);

-- How many customers came to be what they are, by time; less those who ceased to be it.
-- Archived ones are nothing. As of an instant there are as many as the months before and,
-- of the last one, the days before tell, and what turned on its own day.
CREATE TABLE source_changes (
  span      text        NOT NULL, -- month, day: how long
  since     timestamptz NOT NULL, -- its first instant, in UTC, by the clock of the business
  source    text        NOT NULL, -- of the latest touchpoint; empty: unknown
  stage     text        NOT NULL, -- of the life cycle
  customers bigint      NOT NULL, -- those who came, less those who left
  CONSTRAINT source_changes_pk PRIMARY KEY (span, since, source, stage)
);

-- The same, one by one.
CREATE TABLE source_turns (
  at          timestamptz NOT NULL, -- the instant, by the clock of the business
  customer_id uuid        NOT NULL, -- whose turn
  source      text        NOT NULL, -- of the latest touchpoint; empty: unknown
  stage       text        NOT NULL, -- of the life cycle
  customers   bigint      NOT NULL  -- 1: one came, -1: one left, 0: one who is archived moved
);

-- How many customers went from which stage of the life cycle to which, by day, for the
-- churn report: the steps of the paths that they have today. The path of a past instant is
-- the beginning of that.
CREATE TABLE life_steps (
  day       timestamptz NOT NULL, -- its first instant, in UTC, by the clock of the business
  before    text        NOT NULL, -- the stage; '' of those who were registered
  place     text        NOT NULL, -- the stage
  customers bigint      NOT NULL, -- how many
  CONSTRAINT life_steps_pk PRIMARY KEY (day, before, place)
);

-- The words that today's names have, folded as in customers.search: where a search looks for
-- what may be meant by a mistyped one.
CREATE TABLE words (
  word      text COLLATE "C" NOT NULL, -- the word
  customers bigint           NOT NULL, -- how many have it in their name
  CONSTRAINT words_pk PRIMARY KEY (word)
);

-- indexes

CREATE INDEX source_turns_at ON source_turns (at);


-- The list is newest first under every filter; each index gives a page in order.
CREATE INDEX customers_by_age ON customers (registered_at DESC, customer_id DESC);
CREATE INDEX customers_by_stage ON customers (stage, registered_at DESC, customer_id DESC);
CREATE INDEX customers_by_owner ON customers (owner_id, registered_at DESC, customer_id DESC);
CREATE INDEX customers_by_source ON customers (touchpoint_source, registered_at DESC, customer_id DESC)
  INCLUDE (stage, archived);

CREATE INDEX customers_by_name ON customers (name_key, customer_id);

-- Terms are looked up among those of all customers. The list of what is not sorted in yet
-- is read by every search, so it is kept short.
CREATE INDEX customers_search ON customers USING gin ((search::tsvector)) WITH (gin_pending_list_limit = 256);

-- Words like a mistyped one stand on pg_trgm, which comes with every PostgreSQL server and
-- needs no superuser. Where it is missing all the same, they are those that begin alike.
DO $$
DECLARE home name;
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
  SELECT n.nspname INTO STRICT home
  FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
  EXECUTE format('CREATE INDEX words_similar ON words USING gin (word %I.gin_trgm_ops)', home);
  EXECUTE format($f$
    CREATE FUNCTION similar_words(sought text) RETURNS SETOF text LANGUAGE sql STABLE ROWS 40
    BEGIN ATOMIC
      SELECT w.word FROM words AS w WHERE w.word OPERATOR(%1$I.%%) sought OR w.word LIKE '%%' || sought || '%%'
      ORDER BY %1$I.similarity(w.word, sought) DESC, w.word LIMIT 40;
    END $f$, home);
EXCEPTION
  WHEN undefined_file OR insufficient_privilege OR feature_not_supported THEN
    RAISE NOTICE 'no pg_trgm, so that a search finds fewer words for a mistyped one: %', SQLERRM;
    CREATE FUNCTION similar_words(sought text) RETURNS SETOF text LANGUAGE sql STABLE ROWS 40
    BEGIN ATOMIC
      SELECT w.word FROM words AS w WHERE starts_with(w.word, left(sought, 2))
      ORDER BY abs(length(w.word) - length(sought)), w.word LIMIT 200;
    END;
END $$;

COMMENT ON FUNCTION similar_words(text) IS 'Words of names that are like one: some letters differ, or it is a part of them; the likest first';
