package projections

import "testing"

func TestCommentsAreOfWhatTheyStandAt(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"":                                       "",
		"SELECT 1; -- this":                      "",
		"-- Of nothing.\n\nCREATE TABLE t (\n);": "",
		"-- It's a\n-- table.\nCREATE TABLE t (\n  a int,\n  b  text NOT NULL, -- or b\n  -- of nothing\n  CONSTRAINT k PRIMARY KEY (a)\n);\nb -- c": "COMMENT ON TABLE t IS 'It''s a table.';\nCOMMENT ON COLUMN t.b IS 'or b';\n",
		"-- V.\nCREATE VIEW v AS\n  SELECT x.a, -- one\n    f(b)::int AS \"b\", -- two\n    x.c + -1 AS c -- three\n  FROM x;":                       "COMMENT ON VIEW v IS 'V.';\nCOMMENT ON COLUMN v.a IS 'one';\nCOMMENT ON COLUMN v.\"b\" IS 'two';\nCOMMENT ON COLUMN v.c IS 'three';\n",
		"-- F.\nCREATE FUNCTION f(a int) RETURNS int\nBEGIN ATOMIC\n  SELECT a; -- not a column\nEND;":                                               "COMMENT ON FUNCTION f IS 'F.';\n",
	} {
		if got := described(sql); got != want {
			t.Errorf("%s\ngives\n%s\nwant\n%s", sql, got, want)
		}
	}
}
