package lists

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzRead checks that whatever is asked of a list is refused in words, or becomes a
// statement that is the same for other values: nothing asked gets into it.
func FuzzRead(f *testing.F) {
	for _, c := range [][3]string{
		{"name", "eq", "'; DROP TABLE x; --"},
		{"name", "contains", "%_\\"},
		{"name", "prefix", "\x00"},
		{"stage", "in", "lead,customer"},
		{"size", "gt", "1e400"},
		{"size", "lte", "-9223372036854775808"},
		{"born", "lt", "2026-02-30"},
		{"at", "gte", "2026-11-22T09:30:00+01:00"},
		{"mail", "null", "maybe"},
		{"id", "ne", "{6a23c2c8-b680-5339-9ba0-38991a044c11}"},
		{"1=1 OR name", "eq", "x"},
		{"name", "= '' OR 1=1 --", "x"},
	} {
		f.Add(c[0], c[1], c[2], "name,-size", true)
		f.Add(c[0], c[1], c[2], "-at,id; DROP TABLE x", false)
	}
	list := fuzzed()
	f.Fuzz(func(t *testing.T, field, op, value, sort string, personal bool) {
		values := []string{value}
		if op == string(In) {
			values = strings.Split(value, ",")
		}
		asked := Question{All: []Condition{{Field: field, Op: op, Values: values, At: "filter"}}, Sort: sort, SortAt: "sort"}
		q, err := list.Read(asked, personal)
		if fault, ok := errors.AsType[*Fault](err); err != nil && (!ok || fault.Detail == "" || utf8.ValidString(field+op+value+sort) && !utf8.ValidString(fault.Detail)) {
			t.Fatalf("told %v", err)
		}
		if err != nil {
			return
		}
		if !has(list, field) {
			t.Fatalf("a field %q was found", field)
		}
		statement, err := q.Statement(nil, false)
		if err != nil {
			t.Fatal(err)
		}
		whole := statement.Where + statement.After + statement.Order + statement.Mark
		if len(value) > 8 && strings.Contains(whole, value) || strings.ContainsAny(whole, ";\x00") || strings.Contains(whole, "--") {
			t.Fatalf("%q is in %s", value, whole)
		}
	})
}

func has(list *List, name string) bool {
	for _, f := range list.Fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

// fuzzed is a list with a field of every type.
func fuzzed() *List {
	return New(List{
		Name: "fuzzed", ID: "row.id", Default: "-at",
		Fields: []Field{
			{Name: "id", Type: ID, Column: "row.id"},
			{Name: "name", Type: Text, Column: "row.name", Absent: "row.name = ''", Order: "row.name", Personal: true},
			{Name: "word", Type: Text, Column: "row.word", Folded: "row.folded", Fold: strings.ToLower},
			{Name: "mail", Type: Text, Each: "SELECT value FROM mails WHERE mails.id = row.id", Absent: "row.mails = 0"},
			{Name: "stage", Type: Choice, Column: "row.stage", Choices: []string{"lead", "customer"}},
			{Name: "archived", Type: Truth, Column: "row.archived"},
			{Name: "size", Type: Whole, Column: "row.size", Absent: "row.size IS NULL", Order: "coalesce(row.size, 0)", Later: true},
			{Name: "born", Type: Day, Column: "row.born"},
			{Name: "at", Type: Instant, Column: "row.at", Order: "row.at", Fixed: "row.at"},
		},
	})
}
