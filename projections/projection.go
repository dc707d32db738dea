package projections

import (
	"slices"
	"strings"

	"crm/domain"
)

// Projection turns the log into the tables of one read model. It is pure: what it
// writes follows from the events alone. No clock, no randomness, no context, no
// I/O, and no order taken from a map, so that the same log gives the same rows in
// every batch size and on every rebuild.
type Projection interface {
	// Name is what callers wait for and operators rebuild. It is also the
	// Postgres schema that holds the tables, so it is a plain lower-case
	// identifier: "customers".
	Name() string
	// Version is raised with every change to Schema or to what Apply writes.
	// Tables of another version are not used.
	Version() int
	// Schema is the DDL of the tables.
	Schema() Schema
	// Handles are the event types that Apply wants to see; all others only move
	// the checkpoint.
	Handles() []string
	// Apply writes what e changes. An error stops the projection at e: it means
	// that e, or the projection, is wrong, and trying again does not help.
	Apply(w *Writer, e domain.Recorded) error
}

// Named is the one of that name, or an [ErrUnknownModel] that says which there are.
func Named(all []Projection, name string) (Projection, error) {
	names := make([]string, len(all))
	for i, p := range all {
		if names[i] = p.Name(); names[i] == name {
			return p, nil
		}
	}
	slices.Sort(names)
	return nil, ErrUnknownModel.At("", "There is no read model %s. There are: %s.", name, strings.Join(names, ", "))
}

// Schema is the DDL of one read model, without schema names: the engine creates
// it in a schema of its own choice. It is plain SQL, statements end with a
// semicolon.
type Schema struct {
	// Tables creates the tables with what writing needs: the primary keys of
	// keyed tables.
	Tables string
	// Indexes creates what only reading needs. It runs after the first catch-up,
	// because tables fill twice as fast without it.
	Indexes string
}

// ParseSchema splits the text of a .sql file at the line "-- indexes"; without
// one, all of it is Tables. What stands in comments there becomes a COMMENT.
func ParseSchema(sql string) Schema {
	s := splitSchema(sql)
	s.Tables += described(s.Tables)
	return s
}

func splitSchema(sql string) Schema {
	const line = "-- indexes"
	for i, rest := 0, sql; ; {
		this, after, more := strings.Cut(rest, "\n")
		if strings.TrimSpace(this) == line {
			return Schema{Tables: sql[:i], Indexes: after}
		}
		if !more {
			return Schema{Tables: sql}
		}
		i += len(this) + 1
		rest = after
	}
}
