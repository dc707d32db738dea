-- What the table {table} said before. A row of {table} holds from its valid_from
-- on (the clock of the business: occurred_at) and is known from its known_from on
-- (the clock of the log: recorded_at). What was so before stays here; a version
-- holds for the instants and was known at the instants of an L:
--
--   valid at  valid_from <= T and known_from <= K < known_until
--             and (T < valid_until or K < end_known_from)
--
--   T ^
--     |      +-----+                      before the end was known, it had none
--     |      |     |
--     |      |     +---------- valid_until
--     |      |               :
--     |      +-------------- : valid_from
--     +------+-----+---------+------> K
--      known_from  |         known_until: from then on the past is told otherwise
--          end_known_from
--
-- 'infinity' is Postgres's own: an end that nobody knows.

CREATE TABLE {table}_history (
  LIKE {table} INCLUDING COMMENTS,
  valid_until    timestamptz NOT NULL,
  end_known_from timestamptz NOT NULL,
  known_until    timestamptz NOT NULL,
  CONSTRAINT {table}_history_pk PRIMARY KEY ({key}, valid_from, known_from)
);

CREATE VIEW {table}_versions AS
  SELECT t.*, 'infinity'::timestamptz AS valid_until, 'infinity'::timestamptz AS end_known_from, 'infinity'::timestamptz AS known_until
  FROM {table} AS t
  UNION ALL
  SELECT h.* FROM {table}_history AS h;

-- It is bound to the view and not to its name, so it goes where the schema goes, and
-- it is inlined: a condition on the key reaches the primary keys.
CREATE FUNCTION {table}_at(as_of timestamptz, known_at timestamptz) RETURNS SETOF {table}_versions
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT v.* FROM {table}_versions AS v
  WHERE (as_of IS NULL OR v.valid_from <= as_of)
    AND (known_at IS NULL OR v.known_from <= known_at)
    AND (v.known_until = 'infinity' OR known_at < v.known_until)
    AND (v.valid_until = 'infinity' OR as_of < v.valid_until OR known_at < v.end_known_from);
END;

COMMENT ON TABLE {table}_history IS 'Former versions of {table}; what held when, and was known when, {table}_at tells';
COMMENT ON COLUMN {table}_history.valid_until IS 'Until when the row held (not included), by the clock of the business (occurred_at)';
COMMENT ON COLUMN {table}_history.end_known_from IS 'From when on that end was known, by the clock of the log (recorded_at)';
COMMENT ON COLUMN {table}_history.known_until IS 'Until when it was known so (not included); then something told late made the past another one';
COMMENT ON VIEW {table}_versions IS 'All versions of {table}, those of today without an end';
COMMENT ON FUNCTION {table}_at(timestamptz, timestamptz) IS
  '{table} as of an instant, as known at another one: what had occurred by the first and was recorded by the second. NULL is no bound';
DO $$
DECLARE described record;
BEGIN
  FOR described IN
    SELECT attname AS name, col_description(attrelid, attnum) AS text FROM pg_attribute
    WHERE attrelid = '{table}_history'::regclass AND attnum > 0
  LOOP
    EXECUTE format('COMMENT ON COLUMN {table}_versions.%I IS %L', described.name, described.text);
  END LOOP;
END $$;
