-- +goose Up

-- An import asks, of the streams that it is about to write, which an undo has changed.
CREATE INDEX import_streams_stream_idx ON crm.import_streams (stream);
