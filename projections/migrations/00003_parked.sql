-- +goose Up

-- A stream that a build stands still for, because it met an event of it that it cannot apply. The
-- tables hold the stream up to the revision, which is not among them. Neither payloads nor the texts
-- of errors are kept here: either may hold what is nobody's business.
CREATE TABLE crm.parked (
    build            bigint NOT NULL,
    stream           text NOT NULL,
    revision         bigint NOT NULL,
    position_commit  bigint NOT NULL,
    position_prepare bigint NOT NULL,
    event_id         uuid NOT NULL,
    event_type       text NOT NULL,
    class            text NOT NULL,
    in_table         text NOT NULL,
    detail           text NOT NULL,
    attempts         integer NOT NULL,
    waiting          bigint NOT NULL,
    parked_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT parked_pkey PRIMARY KEY (build, stream),
    CONSTRAINT parked_build_fkey FOREIGN KEY (build) REFERENCES crm.projections (build) ON DELETE CASCADE
);

COMMENT ON TABLE crm.parked IS 'Streams that a read model could not follow further';
COMMENT ON COLUMN crm.parked.build IS 'Set of tables, as in crm.projections';
COMMENT ON COLUMN crm.parked.revision IS 'Of the event that cannot be applied, or of the first that is missing; the tables hold what is before it';
COMMENT ON COLUMN crm.parked.position_commit IS 'Position in the log of the event at which it was noticed';
COMMENT ON COLUMN crm.parked.event_id IS 'Of that event';
COMMENT ON COLUMN crm.parked.class IS 'Why, in a word';
COMMENT ON COLUMN crm.parked.in_table IS 'Table that it happened in, if known';
COMMENT ON COLUMN crm.parked.detail IS 'A code of Postgres, a place in the source, or names of columns; never a value';
COMMENT ON COLUMN crm.parked.attempts IS 'How often that event was tried';
COMMENT ON COLUMN crm.parked.waiting IS 'Later events of the stream that were passed over';

-- What a build went on without, because someone said so.
CREATE TABLE crm.skipped (
    build            bigint NOT NULL,
    stream           text NOT NULL,
    revision         bigint NOT NULL,
    last_revision    bigint NOT NULL,
    position_commit  bigint NOT NULL,
    position_prepare bigint NOT NULL,
    CONSTRAINT skipped_pkey PRIMARY KEY (build, stream, revision),
    CONSTRAINT skipped_build_fkey FOREIGN KEY (build) REFERENCES crm.projections (build) ON DELETE CASCADE
);

COMMENT ON TABLE crm.skipped IS 'Events that a read model goes on without';
COMMENT ON COLUMN crm.skipped.build IS 'Set of tables, as in crm.projections';
COMMENT ON COLUMN crm.skipped.revision IS 'Of the event, or of the first of several that were missing';
COMMENT ON COLUMN crm.skipped.last_revision IS 'Of the event, or of the last of several that were missing';
COMMENT ON COLUMN crm.skipped.position_commit IS 'Position in the log of the request to leave it out';

-- Whether what a read model shows of a stream is not all there is.
-- +goose StatementBegin
CREATE FUNCTION crm.is_parked(read_model text, of_stream text) RETURNS boolean LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM crm.parked AS p JOIN crm.projections AS b USING (build)
        WHERE p.stream = of_stream AND b.schema_name = read_model);
END;
-- +goose StatementEnd

COMMENT ON FUNCTION crm.is_parked IS 'Whether what a read model shows of a stream is not all there is';
