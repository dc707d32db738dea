package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// table is what a command prints in columns.
type table struct{ *tabwriter.Writer }

// newTable begins a table, with a head or without one.
func newTable(out io.Writer, head ...any) table {
	t := table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	if len(head) > 0 {
		t.row(head...)
	}
	return t
}

func (t table) row(cells ...any) {
	_, _ = fmt.Fprintf(t, "%v"+strings.Repeat("\t%v", len(cells)-1)+"\n", cells...) // Flush tells
}

// line says one thing about what the table is of.
func (t table) line(name, format string, args ...any) { t.row(name, fmt.Sprintf(format, args...)) }

func orNever(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return at.Format(time.RFC3339)
}

func orDash(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return at.Format(time.RFC3339)
}
