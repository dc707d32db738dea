CREATE TABLE customers (
    customer_id uuid PRIMARY KEY,
    kind text NOT NULL,
    name text NOT NULL,
    given_name text NOT NULL,
    family_name text NOT NULL,
    job_title text NOT NULL DEFAULT '',
    stage text NOT NULL DEFAULT 'lead',
    touchpoint jsonb NOT NULL,
    contact_points jsonb NOT NULL,
    registered_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 85);
CREATE INDEX customers_newest ON customers (registered_at DESC, customer_id);

CREATE TABLE deals (
    deal_id uuid PRIMARY KEY,
    customer_id uuid REFERENCES customers,
    title text NOT NULL,
    stage text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    opened_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 85);
CREATE INDEX deals_board ON deals (stage, opened_at DESC, deal_id);

-- The audit is what the timeline shows.
CREATE TABLE audit (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id uuid,
    entity text NOT NULL,
    entity_id uuid NOT NULL,
    type text NOT NULL,
    summary text NOT NULL,
    changes jsonb NOT NULL,
    actor text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_timeline ON audit (customer_id, audit_id DESC);

CREATE TABLE outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type text NOT NULL,
    payload jsonb NOT NULL
);
