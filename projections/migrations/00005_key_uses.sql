-- +goose Up

-- When each API key was last used. This is no event: the log would grow with every read. It is written
-- behind, at most once a minute for a key, and a server that is killed forgets the last seconds.
CREATE TABLE crm.key_uses (
    key_id  uuid NOT NULL CONSTRAINT key_uses_pkey PRIMARY KEY,
    used_at timestamptz NOT NULL
);

COMMENT ON TABLE crm.key_uses IS 'When each API key was last used';
COMMENT ON COLUMN crm.key_uses.key_id IS 'The API key, as in access.keys';
COMMENT ON COLUMN crm.key_uses.used_at IS 'To the minute or so; only ever later';
