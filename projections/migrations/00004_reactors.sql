-- +goose Up

-- How far each reactor has come, and who runs it. A reactor's effects are not in this database, so
-- nothing here could undo them: it is led by a lease, and an event may be met twice.
CREATE TABLE crm.reactors (
    name             text NOT NULL CONSTRAINT reactors_pkey PRIMARY KEY,
    epoch            bigint NOT NULL,
    position_commit  bigint NOT NULL,
    position_prepare bigint NOT NULL,
    leader           text NOT NULL,
    leased_until     timestamptz NOT NULL,
    CONSTRAINT reactors_position_check CHECK (position_commit >= 0 AND position_prepare >= 0)
);

COMMENT ON TABLE crm.reactors IS 'Reactors and how far in the log of events they are';
COMMENT ON COLUMN crm.reactors.epoch IS 'Who may say how far it is: grows with every server that takes over';
COMMENT ON COLUMN crm.reactors.position_commit IS 'Position in the log up to which it has met everything';
COMMENT ON COLUMN crm.reactors.leader IS 'Host and process of the server that runs it, or did last';
COMMENT ON COLUMN crm.reactors.leased_until IS 'Until when nobody else runs it';
