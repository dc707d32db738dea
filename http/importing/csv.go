package importing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// csvReader reads delimited text (RFC 4180), a row at a time. Unlike
// encoding/csv it never lets a row that is wrong swallow the rows after it: a
// quote that opens a field and is not closed as it should be costs its own line
// only, and reading goes on with the line below.
type csvReader struct {
	lines     *lines
	delimiter []byte
	header    []string
	columns   map[string]int
}

// maxQuotedLines is over how many lines a quoted field may stretch.
const maxQuotedLines = 1000

// newCSVReader reads the header, unless one is given. A delimiter of "" is found
// by looking at the first line.
func newCSVReader(r io.Reader, delimiter string, header []string) (*csvReader, error) {
	c := &csvReader{lines: newLines(r), delimiter: []byte(delimiter), header: header}
	if delimiter == "" {
		first, err := c.lines.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		c.delimiter = likelyDelimiter(first.text)
		if err == nil {
			c.lines.giveBack([]line{first})
		}
	}
	if header == nil {
		_, cells, err := c.row()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty: there is no header line")
		}
		if err != nil {
			return nil, fmt.Errorf("the header cannot be read: %w", err)
		}
		c.header = cells
	}
	c.columns = make(map[string]int, len(c.header))
	for i, name := range c.header {
		name = trim(name)
		for n := 2; ; n++ { // the second column of a name is "name#2"
			if _, taken := c.columns[name]; !taken {
				break
			}
			name = fmt.Sprintf("%s#%d", trim(c.header[i]), n)
		}
		c.columns[name] = i
		c.header[i] = name
	}
	return c, nil
}

// has reports whether there is a column of that name.
func (c *csvReader) has(name string) bool { _, ok := c.columns[name]; return ok }
func (c *csvReader) names() []string      { return c.header }

func (c *csvReader) next() (*record, error) {
	first, cells, err := c.row()
	if err != nil {
		return nil, err
	}
	return &record{line: first.number, raw: first.text, columns: c.columns, cells: cells}, nil
}

// row reads one row; the line it gives holds the text of all the row's lines.
// Lines with nothing on them are no rows.
func (c *csvReader) row() (line, []string, error) {
	first, err := c.lines.next()
	for err == nil && len(first.text) == 0 && !first.cut {
		first, err = c.lines.next()
	}
	if err != nil {
		return line{}, nil, err
	}
	row := csvRow{delimiter: c.delimiter, cells: make([]string, 0, len(c.header))}
	reason := row.feed(first)
	if reason != "" || !row.open {
		if reason == "" {
			reason = c.ragged(row.cells)
		}
		return first, row.cells, first.refused(reason)
	}
	whole := first
	whole.text = bytes.Clone(first.text)
	var more []line
	for row.open {
		below, err := c.lines.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return line{}, nil, err
		}
		if err == nil {
			more = append(more, below)
			whole.text = append(append(whole.text, '\n'), below.text...)
		}
		if err != nil || row.feed(below) != "" || len(more) > maxQuotedLines || len(whole.text) > maxRecord {
			row.cells = nil
			break
		}
	}
	if row.cells == nil || c.ragged(row.cells) != "" {
		c.lines.giveBack(more)
		return first, nil, first.refused("a quote opens a field here that is not closed as it should be; only this line is left out")
	}
	return whole, row.cells, nil
}

func (c *csvReader) ragged(cells []string) string {
	if c.header == nil || len(cells) == len(c.header) {
		return ""
	}
	return fmt.Sprintf("the row has %d fields where the header has %d", len(cells), len(c.header))
}

func (l line) refused(reason string) error {
	if reason == "" {
		return nil
	}
	return &badRow{line: l.number, reason: reason, raw: l.text}
}

// csvRow parses one row, fed line by line while a quoted field is open.
type csvRow struct {
	delimiter []byte
	cells     []string
	open      bool   // inside a quoted field
	field     []byte // of the open field
}

// feed parses the next line of the row and gives the reason why it cannot be,
// or "".
func (r *csvRow) feed(l line) string {
	text := l.text
	switch {
	case l.cut:
		return "the line is longer than 1 MiB"
	case bytes.IndexByte(text, 0) >= 0:
		return "the line holds a NUL byte"
	case !utf8.Valid(text):
		return "the line is not valid UTF-8; if the file is in another encoding, name it in the mapping"
	}
	for {
		if !r.open {
			if len(text) == 0 || text[0] != '"' {
				cell, rest, more := bytes.Cut(text, r.delimiter)
				if bytes.IndexByte(cell, '"') >= 0 {
					return "a quote stands inside a field that does not start with one"
				}
				r.cells = append(r.cells, string(cell))
				if !more {
					return ""
				}
				text = rest
				continue
			}
			r.open, r.field, text = true, r.field[:0], text[1:]
		}
		quote := bytes.IndexByte(text, '"')
		if quote < 0 { // goes on in the next line
			r.field = append(append(r.field, text...), '\n')
			return ""
		}
		r.field = append(r.field, text[:quote]...)
		text = text[quote+1:]
		switch {
		case len(text) > 0 && text[0] == '"': // doubled: one quote
			r.field = append(r.field, '"')
			text = text[1:]
		case len(text) == 0:
			r.close()
			return ""
		case bytes.HasPrefix(text, r.delimiter):
			r.close()
			text = text[len(r.delimiter):]
		default:
			return "text follows a closing quote"
		}
	}
}

func (r *csvRow) close() {
	r.cells = append(r.cells, string(r.field))
	r.open = false
}

// likelyDelimiter is which of comma, semicolon, tab and bar occurs most often
// outside quotes; the comma when none does.
func likelyDelimiter(header []byte) []byte {
	best, most := byte(','), 0
	for _, candidate := range []byte(",;\t|") {
		count, quoted := 0, false
		for _, b := range header {
			switch {
			case b == '"':
				quoted = !quoted
			case b == candidate && !quoted:
				count++
			}
		}
		if count > most {
			best, most = candidate, count
		}
	}
	return []byte{best}
}
