-- Interactions as they were logged, a fact for each. Rows are only added, so that any
-- past is a WHERE on the two clocks; interactions_at tells what amendments made of them.
CREATE TABLE interactions (
  position       bigint      NOT NULL, -- commit position of the event in the log
  customer_id    uuid        NOT NULL, -- with whom
  interaction_id uuid        NOT NULL, -- among the customer's interactions
  employee_id    uuid,                 -- who of us took part; NULL where nobody said
  channel        text        NOT NULL, -- call, email, meeting, visit, chat, sms, letter, web, social, note
  occurred_at    timestamptz NOT NULL, -- when it took place
  recorded_at    timestamptz NOT NULL  -- when the log took it
);

-- Amendments of who took part in an interaction, or through which channel it was.
CREATE TABLE amendments (
  position       bigint      NOT NULL, -- commit position of the event in the log; of several the last one counts
  customer_id    uuid        NOT NULL, -- with whom
  interaction_id uuid        NOT NULL, -- among the customer's interactions
  names_employee boolean     NOT NULL, -- it says who took part: employee_id, or with NULL that nobody did
  employee_id    uuid,                 -- who of us took part
  channel        text        NOT NULL, -- '' where it says nothing of it
  occurred_at    timestamptz NOT NULL, -- when it became true in the business
  recorded_at    timestamptz NOT NULL  -- when the log took it
);

-- How many interactions took place in a month, as they were logged, for the owners' report.
CREATE TABLE logged (
  month        timestamptz NOT NULL, -- its first instant, in UTC
  employee_id  uuid        NOT NULL, -- who of us took part; 00000000-0000-0000-0000-000000000000: nobody said
  channel      text        NOT NULL, -- as in interactions
  interactions bigint      NOT NULL, -- how many
  CONSTRAINT logged_pk PRIMARY KEY (month, employee_id, channel)
);

-- The interactions as of an instant, as known at another, amendments applied; NULL is
-- no bound.
CREATE FUNCTION interactions_at(as_of timestamptz, known_at timestamptz)
  RETURNS TABLE ("position" bigint, customer_id uuid, interaction_id uuid, employee_id uuid, channel text, occurred_at timestamptz)
  LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT i.position, i.customer_id, i.interaction_id,
    CASE WHEN e.interaction_id IS NULL THEN i.employee_id ELSE e.employee_id END,
    coalesce(c.channel, i.channel), i.occurred_at
  FROM interactions AS i
  LEFT JOIN (
    SELECT DISTINCT ON (a.customer_id, a.interaction_id) a.customer_id, a.interaction_id, a.employee_id
    FROM amendments AS a
    WHERE a.names_employee AND (interactions_at.as_of IS NULL OR a.occurred_at <= interactions_at.as_of)
      AND (interactions_at.known_at IS NULL OR a.recorded_at <= interactions_at.known_at)
    ORDER BY a.customer_id, a.interaction_id, a.position DESC
  ) AS e ON e.customer_id = i.customer_id AND e.interaction_id = i.interaction_id
  LEFT JOIN (
    SELECT DISTINCT ON (a.customer_id, a.interaction_id) a.customer_id, a.interaction_id, a.channel
    FROM amendments AS a
    WHERE a.channel <> '' AND (interactions_at.as_of IS NULL OR a.occurred_at <= interactions_at.as_of)
      AND (interactions_at.known_at IS NULL OR a.recorded_at <= interactions_at.known_at)
    ORDER BY a.customer_id, a.interaction_id, a.position DESC
  ) AS c ON c.customer_id = i.customer_id AND c.interaction_id = i.interaction_id
  WHERE (interactions_at.as_of IS NULL OR i.occurred_at <= interactions_at.as_of)
    AND (interactions_at.known_at IS NULL OR i.recorded_at <= interactions_at.known_at);
END;

-- indexes

CREATE INDEX interactions_by_day ON interactions (occurred_at) INCLUDE (employee_id, channel, customer_id, interaction_id, position);
CREATE INDEX interactions_by_id ON interactions (customer_id, interaction_id);
CREATE INDEX interactions_logged_late ON interactions (recorded_at) WHERE recorded_at - occurred_at > '1 day';
CREATE INDEX amendments_by_interaction ON amendments (customer_id, interaction_id, position);
