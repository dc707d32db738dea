package lists_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crm/projections/lists"
)

// things is a list with a field of each kind.
func things() *lists.List {
	return lists.New(lists.List{
		Name: "things", ID: "row.id", IDFixed: "today.id", Default: "-born",
		Fields: []lists.Field{
			{Name: "name", Type: lists.Text, Column: "row.name", Order: "row.name", Personal: true},
			{Name: "state", Type: lists.Choice, Column: "row.state", Choices: []string{"new", "old"}},
			{Name: "size", Type: lists.Whole, Column: "row.size", Order: "row.size", Later: true, Absent: "row.size IS NULL"},
			{Name: "born", Type: lists.Instant, Column: "row.born", Order: "row.born", Fixed: "today.born"},
			{
				Name: "tag", Type: lists.Text, Each: "SELECT row.tag", Index: "row.terms",
				Term: func(value string) string { return "'" + value + "'" },
			},
		},
	})
}

func condition(field, op string, values ...string) lists.Condition {
	return lists.Condition{Field: field, Op: op, Values: values, At: field}
}

func TestQuestionsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		question  lists.Question
		at        string
		forbidden bool
	}{
		"no such field":       {lists.Question{All: []lists.Condition{condition("nome", "eq", "a")}}, "nome", false},
		"no such operator":    {lists.Question{All: []lists.Condition{condition("state", "prefix", "n")}}, "state", false},
		"null of what is":     {lists.Question{All: []lists.Condition{condition("born", "null", "true")}}, "born", false},
		"no such choice":      {lists.Question{All: []lists.Condition{condition("state", "eq", "older")}}, "state", false},
		"no number":           {lists.Question{All: []lists.Condition{condition("size", "lt", "1e3")}}, "size", false},
		"more than 64 bits":   {lists.Question{All: []lists.Condition{condition("size", "lt", "9223372036854775808")}}, "size", false},
		"no instant":          {lists.Question{All: []lists.Condition{condition("born", "lt", "yesterday")}}, "born", false},
		"a NUL":               {lists.Question{All: []lists.Condition{condition("tag", "eq", "a\x00")}}, "tag", false},
		"two values":          {lists.Question{All: []lists.Condition{condition("tag", "eq", "a", "b")}}, "tag", false},
		"an empty in":         {lists.Question{All: []lists.Condition{condition("tag", "in")}}, "tag", false},
		"an empty group":      {lists.Question{Any: [][]lists.Condition{{}}}, "/any/0", false},
		"personal data":       {lists.Question{All: []lists.Condition{condition("name", "eq", "a")}}, "name", true},
		"a personal order":    {lists.Question{Sort: "-name", SortAt: "sort"}, "sort", true},
		"no such order":       {lists.Question{Sort: "state", SortAt: "sort"}, "sort", false},
		"an order later":      {lists.Question{Sort: "size", SortAt: "sort"}, "sort", false},
		"an order twice":      {lists.Question{Sort: "born,-born", SortAt: "sort"}, "sort", false},
		"an order of no name": {lists.Question{Sort: "born,", SortAt: "sort"}, "sort", false},
	} {
		_, err := things().Read(c.question, false)
		fault, is := errors.AsType[*lists.Fault](err)
		if !is || fault.At != c.at || fault.Forbidden != c.forbidden || fault.Detail == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Values are parameters; what is written is of the list's description.
func TestStatement(t *testing.T) {
	t.Parallel()
	query, err := things().Read(lists.Question{
		All:  []lists.Condition{condition("name", "eq", "'; DROP"), condition("tag", "in", "x", "y")},
		Any:  [][]lists.Condition{{condition("size", "gte", "3"), condition("size", "null", "true")}},
		Sort: "name,-size",
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	const id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	got, err := query.Statement(lists.Mark{"a", "3", id}, false)
	if err != nil {
		t.Fatal(err)
	}
	want := lists.Statement{
		Where: `TRUE
    AND (row.name = @list_0::text)
    AND (row.terms @@ (@list_2::text)::tsquery AND EXISTS (SELECT FROM (SELECT row.tag) AS has (value) WHERE has.value = ANY (@list_1::text[])))
    AND (row.size >= @list_3::bigint OR (row.size IS NULL))`,
		After: "row.name >= (@list_4::text)::text AND (row.name > (@list_4::text)::text OR row.name = (@list_4::text)::text AND " +
			"(row.size < (@list_5::text)::bigint OR row.size = (@list_5::text)::bigint AND (row.id < (@list_6::text)::uuid)))",
		Order: "row.name, row.size DESC, row.id DESC",
		Mark:  "ARRAY[(row.name)::text, (row.size)::text, (row.id)::text]",
		Args: map[string]any{
			"list_0": "'; DROP", "list_1": []string{"x", "y"}, "list_2": "'x' | 'y'", "list_3": int64(3),
			"list_4": "a", "list_5": "3", "list_6": id,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Where all of the order goes one way, rows are compared whole; the default order of a
// caller who may not see what it goes by is that of ids.
func TestStatementAfterAMark(t *testing.T) {
	t.Parallel()
	const id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	query, err := things().Read(lists.Question{}, false)
	if err != nil {
		t.Fatal(err)
	}
	got, err := query.Statement(lists.Mark{"2026-11-22", id}, true)
	if want := "(today.born, today.id) < ((@list_0::text)::timestamptz, (@list_1::text)::uuid)"; err != nil || got.After != want || !got.Fixed {
		t.Errorf("%q, fixed %t, %v", got.After, got.Fixed, err)
	}
	for _, mark := range []lists.Mark{{}, {id}, {"2026-11-22", "x"}, {"2026-11-22", id, id}} {
		if _, err := query.Statement(mark, false); !errors.Is(err, lists.ErrMark) {
			t.Errorf("%q is a mark: %v", mark, err)
		}
	}
}

func TestRankedAndCounts(t *testing.T) {
	t.Parallel()
	query, err := things().Read(lists.Question{}, true)
	if err != nil {
		t.Fatal(err)
	}
	stated, err := query.Statement(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	pieces := []lists.Piece{lists.When("row.a = @a", map[string]any{"a": 1}), {}, lists.When("row.b", nil)}
	const want = "\n  SELECT row.*, 0 AS tier FROM t AS row WHERE TRUE AND (row.a = @a)\n  UNION ALL\n  SELECT row.*, 2 AS tier FROM t AS row WHERE TRUE AND (row.b)"
	if got := stated.Ranked("t", pieces...); got != want || stated.Args["a"] != 1 {
		t.Errorf("%s with %v", got, stated.Args)
	}
	if got := stated.Counts(pieces[0].Not()); got != "ARRAY[count(*) FILTER (WHERE (row.a = @a) IS NOT TRUE)]" {
		t.Error(got)
	}
}
