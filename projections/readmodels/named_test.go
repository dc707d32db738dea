package readmodels

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// Arguments are put into a statement as pgx does it, the first time and after.
func TestNamed(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"SELECT 1",
		"SELECT @a, @b, @a::text, '@c', \"@d\" -- @e\n, $$ @f $$ /* @g */, e'\\'@h' @> @b",
		"SELECT @a, @missing",
	} {
		args := pgx.NamedArgs{"a": 1, "b": nil, "unused": "x"}
		wantText, wantArgs, wantErr := args.RewriteQuery(t.Context(), nil, sql, nil)
		for range 2 {
			text, values, err := named(args).RewriteQuery(t.Context(), nil, sql, nil)
			if diff := cmp.Diff(wantText, text); diff != "" || (err == nil) != (wantErr == nil) {
				t.Errorf("%s (%v):\n%s", sql, err, diff)
			}
			if len(wantArgs)+len(values) > 0 && !cmp.Equal(wantArgs, values) {
				t.Errorf("%s: %v, want %v", sql, values, wantArgs)
			}
		}
	}
}
