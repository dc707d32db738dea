-- +goose Up

-- Nobody asks it: whoever reads a model joins crm.parked itself, for all rows at once.
DROP FUNCTION crm.is_parked(text, text);
