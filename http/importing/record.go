package importing

import (
	"fmt"
	"strings"
)

// record is one row of a file as the readers give it: a CSV row, a JSON line or
// a card. Every format offers the same two things: named texts, and named lists
// of items which again hold named texts.
type record struct {
	line    int    // where it starts, from 1
	raw     []byte // what stands there, for the file of rejected rows
	columns map[string]int
	cells   []string            // of a CSV row, by column
	fields  fields              // of the other formats
	lists   map[string][]fields // "tel" → its numbers
}

// fields are the named texts of an item of a list.
type fields map[string]string

// text is what stands under name; nothing when the record has no such name.
func (r *record) text(name string) string {
	if i, ok := r.columns[name]; ok && i < len(r.cells) {
		return r.cells[i]
	}
	return r.fields[name]
}

// reader hands out the records of one file, in order.
type reader interface {
	// next gives the next record. The error is io.EOF at the end, a *badRow for
	// a row that cannot be read (ask again for the one after it), and anything
	// else when the file as a whole fails.
	next() (*record, error)
	// names are the columns of the header, and none for formats without one.
	names() []string
}

// badRow is a row that cannot become a record.
type badRow struct {
	line   int
	reason string
	raw    []byte
}

func (b *badRow) Error() string { return fmt.Sprintf("line %d: %s", b.line, b.reason) }

const blanks = " \t\r\n\v\f\u00a0\u2007\u202f\ufeff"

func trim(text string) string { return strings.Trim(text, blanks) }
