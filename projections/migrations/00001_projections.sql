-- +goose Up

-- One row per set of tables that a projection was ever built into and that still exists. The row
-- whose schema_name is the projection's name is the one that is read; others are being built beside
-- it, or were live before.
CREATE TABLE crm.projections (
    build            bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT projections_pkey PRIMARY KEY,
    name             text NOT NULL,
    version          integer NOT NULL,
    schema_name      text NOT NULL CONSTRAINT projections_schema_name_key UNIQUE,
    state            text NOT NULL CONSTRAINT projections_state_check CHECK (state IN ('building', 'live', 'retired')),
    epoch            bigint NOT NULL,
    position_commit  bigint NOT NULL,
    position_prepare bigint NOT NULL,
    events           bigint NOT NULL,
    recorded_at      timestamptz,
    CONSTRAINT projections_position_check CHECK (position_commit >= 0 AND position_prepare >= 0)
);

COMMENT ON TABLE crm.projections IS 'Read models and how far in the log of events they are';
COMMENT ON COLUMN crm.projections.build IS 'Identity of this set of tables; it survives renames';
COMMENT ON COLUMN crm.projections.version IS 'Version of the code that fills the tables';
COMMENT ON COLUMN crm.projections.state IS 'building: first catch-up, indexes may be missing; live; retired: replaced';
COMMENT ON COLUMN crm.projections.epoch IS 'Who may write: grows with every builder that takes over';
COMMENT ON COLUMN crm.projections.position_commit IS 'Position in the log up to which the tables hold everything';
COMMENT ON COLUMN crm.projections.events IS 'Events that the tables hold';
COMMENT ON COLUMN crm.projections.recorded_at IS 'When the store took the last of them';

-- The fence. It is a function so that it can stand in a pipeline: where the row is no longer as the
-- builder left it, nothing of the transaction may stay.
-- +goose StatementBegin
CREATE FUNCTION crm.move_checkpoint(
    of_build bigint, own_epoch bigint,
    old_commit bigint, old_prepare bigint, new_commit bigint, new_prepare bigint,
    new_events bigint, last_recorded_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.projections
    SET position_commit = new_commit, position_prepare = new_prepare,
        events = events + new_events, recorded_at = coalesce(last_recorded_at, recorded_at)
    WHERE build = of_build AND epoch = own_epoch
        AND position_commit = old_commit AND position_prepare = old_prepare;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'CR001', MESSAGE = 'fenced: another builder owns these tables';
    END IF;
END $$;
-- +goose StatementEnd
