package importing

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// rejects is the file of rejected rows: file, line, reason and the row as it
// stands there. It is made with the first of them, so that no file means none;
// one of an earlier run is removed. Only its owner can read it (0600).
type rejects struct {
	mu    sync.Mutex
	path  string
	file  *os.File
	out   *csv.Writer
	rows  int      // rejected rows
	first []string // a few reasons, for the report
}

const rawKept = 16 << 10 // bytes of a row in the file

func newRejects(path string) (*rejects, error) {
	if path != "" {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("errors file: %w", err)
		}
	}
	return &rejects{path: path}, nil
}

// add notes why a row is rejected, if it is.
func (r *rejects) add(row Result) error {
	if len(row.Reasons) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows++
	for _, reason := range row.Reasons {
		reason = strings.ToValidUTF8(reason, "\ufffd")
		if len(r.first) < reasonsShown {
			r.first = append(r.first, fmt.Sprintf("%s:%d: %s", row.Name, row.Line, reason))
		}
		if r.path == "" {
			continue
		}
		if r.file == nil {
			if err := r.create(); err != nil {
				return err
			}
		}
		raw := row.Raw[:min(len(row.Raw), rawKept)]
		raw = bytes.ReplaceAll(bytes.ToValidUTF8(raw, []byte("\ufffd")), []byte{0}, []byte("\ufffd"))
		if err := r.out.Write([]string{row.Name, strconv.Itoa(row.Line), reason, string(raw)}); err != nil {
			return err
		}
	}
	return nil
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
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return "", nil
	}
	r.out.Flush()
	if err := r.out.Error(); err != nil {
		return r.path, err
	}
	return r.path, r.file.Close()
}

func (r *rejects) rejected() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rows
}
