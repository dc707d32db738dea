-- +goose Up

-- Of all the builds of a read model, the one whose schema_name is its name is the one that is read.
-- A build beside it is made in the schema <name>__b<build> and becomes the one that is read when the
-- schemas are renamed; the one that was read before stays for a while, so that it can be had back.
ALTER TABLE crm.projections
    ADD COLUMN purpose text NOT NULL DEFAULT 'serve'
        CONSTRAINT projections_purpose_check CHECK (purpose IN ('serve', 'hold', 'compare')),
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN retired_at timestamptz,
    ADD COLUMN leader text,
    DROP CONSTRAINT projections_state_check,
    ADD CONSTRAINT projections_state_check CHECK (state IN ('building', 'ready', 'live', 'retired'));

COMMENT ON COLUMN crm.projections.state IS
    'building: first catch-up, indexes may be missing; ready: complete, but another build is read; live: this one is read; retired: it was';
COMMENT ON COLUMN crm.projections.purpose IS 'serve: to be read one day; hold: to be read when somebody says so; compare: to prove another build right, and be dropped';
COMMENT ON COLUMN crm.projections.created_at IS 'When its tables were created';
COMMENT ON COLUMN crm.projections.retired_at IS 'When another build took its place; null before';
COMMENT ON COLUMN crm.projections.leader IS 'Host and process that writes it, or did so last; whether it still does, its advisory lock tells';
