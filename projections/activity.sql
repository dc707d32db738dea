-- What employees did with customers: a fact for each interaction as it was logged, and
-- one for each amendment that says otherwise who took part or how. Rows are only added,
-- so that any past is a WHERE on the two clocks.

CREATE TABLE interactions (
  position       bigint      NOT NULL,
  customer_id    uuid        NOT NULL,
  interaction_id uuid        NOT NULL,
  employee_id    uuid,
  channel        text        NOT NULL,
  occurred_at    timestamptz NOT NULL,
  recorded_at    timestamptz NOT NULL
);

CREATE TABLE amendments (
  position       bigint      NOT NULL,
  customer_id    uuid        NOT NULL,
  interaction_id uuid        NOT NULL,
  names_employee boolean     NOT NULL,
  employee_id    uuid,
  channel        text        NOT NULL,
  occurred_at    timestamptz NOT NULL,
  recorded_at    timestamptz NOT NULL
);

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

COMMENT ON TABLE interactions IS 'Interactions as they were logged, one row each; see interactions_at for what amendments made of them';
COMMENT ON COLUMN interactions.position IS 'Commit position of the event in the log';
COMMENT ON COLUMN interactions.customer_id IS 'With whom';
COMMENT ON COLUMN interactions.interaction_id IS 'Within the customer''s interactions';
COMMENT ON COLUMN interactions.employee_id IS 'Who of us took part; NULL where nobody said';
COMMENT ON COLUMN interactions.channel IS 'call, email, meeting, visit, chat, sms, letter, web, social or note';
COMMENT ON COLUMN interactions.occurred_at IS 'When it took place';
COMMENT ON COLUMN interactions.recorded_at IS 'When it was recorded';
COMMENT ON TABLE amendments IS 'Amendments of who took part in an interaction, or through which channel';
COMMENT ON COLUMN amendments.position IS 'Commit position of the event in the log; of several the last one counts';
COMMENT ON COLUMN amendments.customer_id IS 'With whom';
COMMENT ON COLUMN amendments.interaction_id IS 'Within the customer''s interactions';
COMMENT ON COLUMN amendments.names_employee IS 'Whether it says who took part; then employee_id holds, also where it is NULL';
COMMENT ON COLUMN amendments.employee_id IS 'Who of us took part';
COMMENT ON COLUMN amendments.channel IS 'The channel; empty where the amendment says nothing of it';
COMMENT ON COLUMN amendments.occurred_at IS 'When it became true in the business';
COMMENT ON COLUMN amendments.recorded_at IS 'When it was recorded';
COMMENT ON FUNCTION interactions_at(timestamptz, timestamptz) IS
  'Interactions as of an instant, as known at another, amendments applied; NULL is no bound';

-- indexes

CREATE INDEX interactions_by_day ON interactions (occurred_at) INCLUDE (employee_id, channel, customer_id, interaction_id, position);
CREATE INDEX interactions_by_employee ON interactions (employee_id, occurred_at);
CREATE INDEX amendments_by_interaction ON amendments (customer_id, interaction_id, position);
