-- +goose Up

-- How far each reactor has come, and who runs it. A reactor's effects are not in this database, so
-- nothing here could undo them: an event may be met twice. Who runs it holds an advisory lock by its number.
CREATE TABLE crm.reactors (
    name             text NOT NULL CONSTRAINT reactors_pkey PRIMARY KEY,
    number           integer GENERATED ALWAYS AS IDENTITY CONSTRAINT reactors_number_key UNIQUE,
    position_commit  bigint NOT NULL,
    position_prepare bigint NOT NULL,
    leader           text NOT NULL,
    CONSTRAINT reactors_position_check CHECK (position_commit >= 0 AND position_prepare >= 0)
);

COMMENT ON TABLE crm.reactors IS 'Reactors and how far in the log of events they are';
COMMENT ON COLUMN crm.reactors.number IS 'Half of the key of the advisory lock of who runs it';
COMMENT ON COLUMN crm.reactors.position_commit IS 'Position in the log up to which it has met everything';
COMMENT ON COLUMN crm.reactors.leader IS 'Host and process of the server that runs it; empty when the last one has signed off';
