package projections

import "testing"

func TestParseSchema(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]Schema{
		"":                             {},
		"a;\nb;":                       {Tables: "a;\nb;"},
		"a;\n-- indexes\nb;\nc;":       {Tables: "a;\n", Indexes: "b;\nc;"},
		"a; -- indexes\n  -- indexes ": {Tables: "a; -- indexes\n"},
		"-- indexes of a\nb;":          {Tables: "-- indexes of a\nb;"},
	} {
		if got := ParseSchema(sql); got != want {
			t.Errorf("%q: %+v, want %+v", sql, got, want)
		}
	}
}
