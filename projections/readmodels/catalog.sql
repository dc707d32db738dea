-- Who works here and what is sold: the names that other read models join.

-- Who works here. Deals and customers name an employee by id; this is what they are
-- called today: employees have no history.
CREATE TABLE employees (
  employee_id   uuid        NOT NULL, -- the employee
  name          text        NOT NULL, -- as displayed
  email         text        NOT NULL, -- at work; empty: unknown
  office        text        NOT NULL, -- where they work; empty: unknown
  manager_id    uuid,                 -- the employee they report to; NULL: nobody, or unknown
  registered_at timestamptz NOT NULL, -- when they became known here
  changed_at    timestamptz NOT NULL, -- when the latest change occurred
  revision      bigint      NOT NULL, -- of the last event in the employee's stream
  CONSTRAINT employees_pk PRIMARY KEY (employee_id)
);

-- What is sold. This is what products are called today: they have no history.
CREATE TABLE products (
  product_id          uuid        NOT NULL, -- the product
  name                text        NOT NULL, -- as displayed
  sku                 text        NOT NULL, -- stock keeping unit; empty: none
  family              text        NOT NULL, -- products are reported by it; empty: none
  description         text        NOT NULL, -- as somebody wrote it
  list_price_minor    bigint,               -- of one piece, in minor units of the currency; NULL: none
  list_price_currency text,                 -- ISO 4217
  retired             boolean     NOT NULL, -- no longer sold
  defined_at          timestamptz NOT NULL, -- when it was first offered
  changed_at          timestamptz NOT NULL, -- when the latest change occurred
  revision            bigint      NOT NULL, -- of the last event in the product's stream
  CONSTRAINT products_pk PRIMARY KEY (product_id)
);

-- indexes

CREATE INDEX employees_by_name ON employees (name, employee_id);
CREATE INDEX products_by_name ON products (name, product_id);
