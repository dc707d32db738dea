-- Who works here and what is sold: the names that other read models join.

CREATE TABLE employees (
  employee_id   uuid        NOT NULL,
  name          text        NOT NULL,
  email         text        NOT NULL,
  office        text        NOT NULL,
  manager_id    uuid,
  registered_at timestamptz NOT NULL,
  changed_at    timestamptz NOT NULL,
  revision      bigint      NOT NULL,
  CONSTRAINT employees_pk PRIMARY KEY (employee_id)
);

CREATE TABLE products (
  product_id          uuid        NOT NULL,
  name                text        NOT NULL,
  sku                 text        NOT NULL,
  family              text        NOT NULL,
  description         text        NOT NULL,
  list_price_minor    bigint,
  list_price_currency text,
  retired             boolean     NOT NULL,
  defined_at          timestamptz NOT NULL,
  changed_at          timestamptz NOT NULL,
  revision            bigint      NOT NULL,
  CONSTRAINT products_pk PRIMARY KEY (product_id)
);

-- indexes

CREATE INDEX employees_by_name ON employees (name, employee_id);
CREATE INDEX products_by_name ON products (name, product_id);
