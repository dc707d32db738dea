package readmodels

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain"
)

// ErrParked is said of what has no row in a read model that stands still for its stream.
var ErrParked = &domain.Error{
	Code: domain.Unavailable, Slug: "read-model-parked",
	Detail: "The event store may know it, but the read model could not take in one of its events, and waits until an operator has it tried again.",
}

// isParked is the condition that a read model stands still for a stream, both as SQL. It
// is text and no function of Postgres, where each call of one that asks a table starts a
// statement of its own.
func isParked(model, stream constant) string {
	return "EXISTS (SELECT FROM crm.parked AS p JOIN crm.projections AS b USING (build) WHERE p.stream = " + string(stream) + " AND b.schema_name = " + string(model) + ")"
}

// constant is text that stands in the source: variables are not of this type.
type constant string

// orParked makes of err, where it says that an entity is not there, ErrParked where it
// has no row because the read model stands still for its stream. The rows are those of
// now, as a table and its key: who asks of a time before the entity began is told so.
func orParked(ctx context.Context, db asker, err error, stream domain.Stream, rows string, id uuid.UUID) error {
	if refusal, ok := errors.AsType[*domain.Error](err); !ok || refusal.Code != domain.NotFound {
		return err
	}
	model, _, _ := strings.Cut(rows, ".")
	found, failed := all[struct{ Parked bool }](ctx, db,
		"SELECT "+isParked("@model", "@stream")+" AND NOT EXISTS (SELECT FROM "+rows+" = @id) AS parked",
		pgx.NamedArgs{"model": model, "stream": stream, "id": id})
	switch {
	case failed != nil:
		return failed
	case found[0].Parked:
		return ErrParked
	}
	return err
}
