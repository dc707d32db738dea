-- +goose Up

-- Imports of files, so that any server can go on with one. What was asked is in the log (import.*); here
-- is what is read of it often, and what the log must not hold: the files and their rows, which are personal
-- and are deleted some days after the end.
CREATE TABLE crm.imports (
    id            uuid NOT NULL CONSTRAINT imports_pkey PRIMARY KEY,
    revision      bigint NOT NULL,
    status        text NOT NULL,
    mapping       text NOT NULL,
    mapping_text  text NOT NULL,
    actor         text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    ended_at      timestamptz,
    done          bigint NOT NULL DEFAULT 0,
    rows_read     bigint NOT NULL DEFAULT 0,
    rows_rejected bigint NOT NULL DEFAULT 0,
    rows_updated  bigint NOT NULL DEFAULT 0,
    bytes_read    bigint NOT NULL DEFAULT 0,
    commands      jsonb NOT NULL DEFAULT '{}',
    failure       text NOT NULL DEFAULT '',
    forgotten     boolean NOT NULL DEFAULT false
);

CREATE INDEX imports_created_idx ON crm.imports (created_at DESC, id DESC);
CREATE INDEX imports_at_work_idx ON crm.imports (started_at) WHERE status IN ('running', 'undoing');

COMMENT ON TABLE crm.imports IS 'Imports of files and how far they are';
COMMENT ON COLUMN crm.imports.revision IS 'Of the stream of the import that the row shows';
COMMENT ON COLUMN crm.imports.mapping_text IS 'YAML';
COMMENT ON COLUMN crm.imports.actor IS 'Who has created it, and in whose name rows are imported';
COMMENT ON COLUMN crm.imports.done IS 'Rows whose results are known, counted from number 0, which is what happens once';
COMMENT ON COLUMN crm.imports.bytes_read IS 'Of the files';
COMMENT ON COLUMN crm.imports.commands IS 'How many were accepted, by name';
COMMENT ON COLUMN crm.imports.failure IS 'Why it failed, in words; it may quote a mapping or a header';
COMMENT ON COLUMN crm.imports.forgotten IS 'Files and rows are deleted';

CREATE TABLE crm.import_files (
    id         bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT import_files_pkey PRIMARY KEY,
    import     uuid NOT NULL CONSTRAINT import_files_import_fkey REFERENCES crm.imports ON DELETE CASCADE,
    name       text NOT NULL,
    size       bigint NOT NULL DEFAULT 0,
    sha256     text NOT NULL DEFAULT '',
    complete   boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX import_files_name_key ON crm.import_files (import, name) WHERE complete;

COMMENT ON TABLE crm.import_files IS 'Files of imports';
COMMENT ON COLUMN crm.import_files.size IS 'In bytes';
COMMENT ON COLUMN crm.import_files.complete IS 'It was uploaded to its end';

CREATE TABLE crm.import_chunks (
    file   bigint NOT NULL CONSTRAINT import_chunks_file_fkey REFERENCES crm.import_files ON DELETE CASCADE,
    number integer NOT NULL,
    bytes  bytea NOT NULL,
    CONSTRAINT import_chunks_pkey PRIMARY KEY (file, number)
);

-- Files are mostly packed already, or read once.
ALTER TABLE crm.import_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;

COMMENT ON TABLE crm.import_chunks IS 'Bytes of files, at most 1 MiB each';

CREATE TABLE crm.import_rows (
    import  uuid NOT NULL CONSTRAINT import_rows_import_fkey REFERENCES crm.imports ON DELETE CASCADE,
    number  bigint NOT NULL,
    outcome text NOT NULL,
    reasons text[] NOT NULL,
    targets uuid[] NOT NULL,
    CONSTRAINT import_rows_pkey PRIMARY KEY (import, number)
);

COMMENT ON TABLE crm.import_rows IS 'What became of the rows of imports';
COMMENT ON COLUMN crm.import_rows.number IS 'Of the row, through all files, from 1; 0 is what happens once';
COMMENT ON COLUMN crm.import_rows.reasons IS 'Why it is rejected; may quote the row';
COMMENT ON COLUMN crm.import_rows.targets IS 'What it is about, its own thing first';

CREATE TABLE crm.import_streams (
    import  uuid NOT NULL CONSTRAINT import_streams_import_fkey REFERENCES crm.imports ON DELETE CASCADE,
    stream  text NOT NULL,
    outcome text NOT NULL DEFAULT '',
    kept    text[] NOT NULL DEFAULT '{}',
    CONSTRAINT import_streams_pkey PRIMARY KEY (import, stream)
);

COMMENT ON TABLE crm.import_streams IS 'Streams that imports may have written, noted before they do';
COMMENT ON COLUMN crm.import_streams.outcome IS 'What its undo came to; empty before';
COMMENT ON COLUMN crm.import_streams.kept IS 'What could not be taken back, and why not; names of fields, no values';
