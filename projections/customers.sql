-- A customer as its card shows it: one row holds the whole folded state, so that a
-- card is one read by key. What is inside the customer (contact points, attributes,
-- links) is jsonb in that row; the views below spread it out again for SQL.

CREATE TABLE customers (
  customer_id             uuid        NOT NULL,
  kind                    text        NOT NULL,
  name                    text        NOT NULL,
  description             text        NOT NULL,
  language                text        NOT NULL,
  honorific               text        NOT NULL,
  given_name              text        NOT NULL,
  family_name             text        NOT NULL,
  birth_date              text        NOT NULL,
  job_title               text        NOT NULL,
  legal_name              text        NOT NULL,
  industry                text        NOT NULL,
  founded_year            bigint      NOT NULL,
  employees               bigint      NOT NULL,
  annual_revenue_minor    bigint,
  annual_revenue_currency text,
  vat_id                  text        NOT NULL,
  stage                   text        NOT NULL,
  touchpoint_source       text        NOT NULL,
  touchpoint_medium       text        NOT NULL,
  touchpoint_campaign     text        NOT NULL,
  owner_id                uuid,
  contact_points          jsonb       NOT NULL, -- array, in the order they were added
  attributes              jsonb       NOT NULL, -- object by key
  links                   jsonb       NOT NULL, -- array, in the order they were made
  archived                boolean     NOT NULL,
  search                  text        NOT NULL, -- words of the name, line feed, words of the contact points; in lower case, a space before each
  registered_at           timestamptz NOT NULL,
  changed_at              timestamptz NOT NULL, -- when the latest change occurred
  revision                bigint      NOT NULL,
  path                    text[]      NOT NULL, -- the lifecycle stages one after the other
  path_since              timestamptz[] NOT NULL, -- since when; until the next
  valid_from              timestamptz NOT NULL,
  known_from              timestamptz NOT NULL,
  CONSTRAINT customers_pk PRIMARY KEY (customer_id)
) WITH (fillfactor = 85);

CREATE VIEW contact_points AS
  SELECT c.customer_id, p.ordinal, p.id AS contact_point_id, p.kind, p.label, p.typed, p.normalized, p.address,
         coalesce(p."primary", FALSE) AS "primary", p.verified
  FROM customers AS c,
       ROWS FROM (jsonb_to_recordset(c.contact_points) AS (id uuid, kind text, label text, typed text,
                  normalized text, address jsonb, "primary" boolean, verified boolean)) WITH ORDINALITY
         AS p (id, kind, label, typed, normalized, address, "primary", verified, ordinal);

CREATE VIEW attributes AS
  SELECT c.customer_id, a.key, a.value ->> 'kind' AS kind, a.value ->> 'value' AS value
  FROM customers AS c, jsonb_each(c.attributes) AS a;

CREATE VIEW links AS
  SELECT c.customer_id, l.organization AS organization_id, l.relation, l.title
  FROM customers AS c, jsonb_to_recordset(c.links) AS l (organization uuid, relation text, title text);

-- indexes

-- The list is newest first under every filter; each index gives a page in order.
CREATE INDEX customers_by_age ON customers (registered_at DESC, customer_id DESC);
CREATE INDEX customers_by_stage ON customers (stage, registered_at DESC, customer_id DESC);
CREATE INDEX customers_by_owner ON customers (owner_id, registered_at DESC, customer_id DESC);
CREATE INDEX customers_by_source ON customers (touchpoint_source, registered_at DESC, customer_id DESC)
  INCLUDE (stage, archived);

-- Substring search stands on pg_trgm, which comes with every PostgreSQL server and
-- needs no superuser. Where it is missing all the same, search reads the table.
DO $$
DECLARE home name;
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
  SELECT n.nspname INTO STRICT home
  FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
  EXECUTE format('CREATE INDEX customers_search ON customers USING gin (search %I.gin_trgm_ops)', home);
EXCEPTION
  WHEN undefined_file OR insufficient_privilege OR feature_not_supported THEN
    RAISE NOTICE 'no pg_trgm, so that a search reads all customers: %', SQLERRM;
END $$;
