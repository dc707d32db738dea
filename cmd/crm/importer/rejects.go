package importer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"crm/http/importing"
)

// rejects is the file of rejected rows: file, line, reason and the row as it stands
// there. It is made with the first of them, so that no file means none; one of an
// earlier run is removed. Only its owner can read it (0600).
type rejects struct {
	path  string
	file  *os.File
	out   *csv.Writer
	first []string          // a few reasons, for the report
	local map[string]string // the files by their names on the server
}

const (
	reasonsShown = 10
	rawKept      = 16 << 10 // bytes of a row in the file
)

func newRejects(path string) (*rejects, error) {
	if path != "" {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("errors file: %w", err)
		}
	}
	return &rejects{path: path}, nil
}

// named has the files called as they are here.
func (r *rejects) named(files []importing.File, names []string) *rejects {
	r.local = map[string]string{}
	for i, name := range names {
		r.local[name] = files[i].Name
	}
	return r
}

// add notes why a row, or one of its commands, is not stored.
func (r *rejects) add(file string, line int, reason string, raw []byte) error {
	raw = bytes.ReplaceAll(bytes.ToValidUTF8(raw[:min(len(raw), rawKept)], []byte("\ufffd")), []byte{0}, []byte("\ufffd"))
	return r.write([]string{file, strconv.Itoa(line), reason, string(raw)})
}

func (r *rejects) write(row []string) error {
	if len(r.first) < reasonsShown {
		r.first = append(r.first, fmt.Sprintf("%s:%s: %s", row[0], row[1], row[2]))
	}
	if r.path == "" {
		return nil
	}
	if r.file == nil {
		if err := r.create(); err != nil {
			return err
		}
	}
	return r.out.Write(row)
}

// fetch writes down what the server says of rejected rows, from the start.
func (r *rejects) fetch(from io.Reader) error {
	r.first = nil
	if r.file != nil { // an earlier answer was cut off
		if err := errors.Join(r.file.Close(), r.create()); err != nil {
			return err
		}
	}
	in := csv.NewReader(from)
	in.FieldsPerRecord, in.LazyQuotes = 4, false
	for header := true; ; header = false {
		row, err := in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case header:
			continue
		}
		if local, ok := r.local[row[0]]; ok {
			row[0] = local
		}
		if err := r.write(row); err != nil {
			return err
		}
	}
}

func (r *rejects) create() (err error) {
	r.file, err = os.OpenFile(r.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("errors file: %w", err)
	}
	r.out = csv.NewWriter(r.file)
	return r.out.Write([]string{"file", "line", "reason", "row"})
}

// close gives the path of the file, and "" when no row was rejected.
func (r *rejects) close() (string, error) {
	if r.file == nil {
		return "", nil
	}
	r.out.Flush()
	if err := r.out.Error(); err != nil {
		return r.path, err
	}
	return r.path, r.file.Close()
}
