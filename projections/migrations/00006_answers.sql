-- +goose Up

-- What commands under an idempotency key were answered with. Effects do not rest on it, events do:
-- without it a refused command is only decided again. Rows are deleted a day after they were written.
CREATE TABLE crm.answers (
    command          uuid NOT NULL CONSTRAINT answers_pkey PRIMARY KEY,
    fingerprint      bytea NOT NULL,
    answered_at      timestamptz NOT NULL,
    status           integer NOT NULL,
    revision         bigint NOT NULL,
    position_commit  bigint NOT NULL,
    position_prepare bigint NOT NULL,
    events           integer NOT NULL,
    problem          text NOT NULL,
    words            bytea
) WITH (fillfactor = 100, autovacuum_vacuum_scale_factor = 0.05);

-- Rows come in the order of time, so the least index finds the old ones.
CREATE INDEX answers_answered_at_idx ON crm.answers USING brin (answered_at) WITH (pages_per_range = 16);

COMMENT ON TABLE crm.answers IS 'Answers to commands with an idempotency key, for a day, so that a retry gets the same';
COMMENT ON COLUMN crm.answers.command IS 'Id of the command, derived from who asked and the key';
COMMENT ON COLUMN crm.answers.fingerprint IS 'Hash of what was asked; another under the same key is refused';
COMMENT ON COLUMN crm.answers.answered_at IS 'When it was answered, by the clock of this database';
COMMENT ON COLUMN crm.answers.status IS 'HTTP status';
COMMENT ON COLUMN crm.answers.revision IS 'Of the stream after the command; nothing with a problem';
COMMENT ON COLUMN crm.answers.position_commit IS 'Of the last event of the command, in the log';
COMMENT ON COLUMN crm.answers.position_prepare IS 'Likewise; other than the commit position in few logs';
COMMENT ON COLUMN crm.answers.events IS 'How many events the command left';
COMMENT ON COLUMN crm.answers.problem IS 'Slug of the problem type of a refusal; empty for a receipt';
COMMENT ON COLUMN crm.answers.words IS 'What the refusal said, readable only with the request and its key';
