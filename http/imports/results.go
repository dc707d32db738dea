package imports

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm/domain/importrun"
	"crm/http/importing"
)

// Which of the results are asked for.
const (
	Successful = "successful" // stored or updated
	Failed     = "failed"     // rejected, at least in part
	Undone     = "undone"     // taken back, or not: see [Jobs.Undone]
)

const rawKept = 16 << 10 // bytes of a row in results

// Results writes what became of rows as CSV, in their order: of all files their text
// as it stands there, of one file its own columns.
//
//	all files: file, line, then reason or outcome and ids, row
//	one file:  line, then reason or outcome and ids, and the columns of the file
//
// A text that a spreadsheet would take for a formula gets a ' in front. Reasons of
// one row stand in lines of their own where all files are asked for, as in the errors
// file of crm import, and in one cell else.
func (j *Jobs) Results(ctx context.Context, id uuid.UUID, which, file string, to io.Writer) error {
	found, err := j.Find(ctx, id)
	if err != nil {
		return err
	}
	if found.Forgotten {
		return importrun.ErrForgotten
	}
	plan, err := j.plan(ctx, found)
	if err != nil {
		return err
	}
	rows, err := j.cfg.Pool.Query(ctx, `
		SELECT number, outcome, reasons, targets FROM crm.import_rows
		WHERE import = $1 AND outcome = ANY($2) ORDER BY number`, id, outcomes(which))
	if err != nil {
		return err
	}
	defer rows.Close()
	out := &sheet{which: which, file: file, out: csv.NewWriter(to)}
	next := func() (r importing.Result, more bool, err error) {
		if !rows.Next() {
			return r, false, rows.Err()
		}
		return r, true, rows.Scan(&r.Number, &r.Outcome, &r.Reasons, &r.Targets)
	}
	wanted, more, err := next()
	if err != nil || !more {
		return errors.Join(err, out.head(nil), out.flush())
	}
	err = plan.Records(ctx, j.files(ctx, found), func(r importing.Record) error {
		if r.Number < wanted.Number {
			return nil
		}
		if err := out.add(r, wanted); err != nil {
			return err
		}
		if wanted, more, err = next(); err != nil {
			return err
		}
		if !more {
			return io.EOF
		}
		return nil
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, out.flush())
}

func outcomes(which string) []string {
	if which == Failed {
		return []string{importing.Rejected}
	}
	return []string{importing.Stored, importing.Updated}
}

// sheet is a CSV file that is being written.
type sheet struct {
	which, file string
	out         *csv.Writer
	begun       bool
}

// head writes the names of the columns, once.
func (s *sheet) head(columns []string) error {
	if s.begun {
		return nil
	}
	s.begun = true
	names := []string{"file", "line"}
	if s.file != "" {
		names = []string{"crm_line"}
	}
	switch {
	case s.which == Failed && s.file == "":
		names = append(names, "reason")
	case s.which == Failed:
		names = append(names, "crm_reason")
	case s.file == "":
		names = append(names, "outcome", "ids")
	default:
		names = append(names, "crm_outcome", "crm_ids")
	}
	if s.file == "" || columns == nil {
		columns = []string{"row"}
	}
	return s.write(append(names, columns...))
}

func (s *sheet) add(r importing.Record, result importing.Result) error {
	if s.file != "" && r.Name != s.file {
		return nil
	}
	if err := s.head(r.Columns); err != nil {
		return err
	}
	row := []string{printable(string(r.Raw[:min(len(r.Raw), rawKept)]))}
	if s.file != "" && r.Columns != nil {
		row = r.Cells
		if row == nil { // it has other cells than the header says, or none that could be read
			row = []string{printable(string(r.Raw[:min(len(r.Raw), rawKept)]))}
		}
	}
	line := strconv.Itoa(r.Line)
	switch {
	case s.which == Failed && s.file == "":
		for _, reason := range result.Reasons {
			if err := s.write(append([]string{r.Name, line, reason}, row...)); err != nil {
				return err
			}
		}
		return nil
	case s.which == Failed:
		return s.write(append([]string{line, strings.Join(result.Reasons, "; ")}, row...))
	}
	targets := make([]string, len(result.Targets))
	for i, target := range result.Targets {
		targets[i] = target.String()
	}
	front := []string{line, result.Outcome, strings.Join(targets, " ")}
	if s.file == "" {
		front = append([]string{r.Name}, front...)
	}
	return s.write(append(front, row...))
}

func (s *sheet) write(cells []string) error {
	safe := make([]string, len(cells))
	for i, cell := range cells {
		safe[i] = inert(printable(cell))
	}
	return s.out.Write(safe)
}

func (s *sheet) flush() error {
	s.out.Flush()
	return s.out.Error()
}

// inert is a cell that a spreadsheet does not carry out (OWASP, CSV injection).
func inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n\x00|", rune(cell[0])) {
		return "'" + cell
	}
	for _, wide := range []string{"＝", "＋", "－", "＠"} {
		if strings.HasPrefix(cell, wide) {
			return "'" + cell
		}
	}
	return cell
}

// printable is text without what neither Postgres nor a reader of CSV takes.
func printable(text string) string {
	return string(bytes.ReplaceAll(bytes.ToValidUTF8([]byte(text), []byte("\ufffd")), []byte{0}, []byte("\ufffd")))
}

// Undone writes what the undo of an import has come to, as CSV: stream, outcome, kept.
func (j *Jobs) Undone(ctx context.Context, id uuid.UUID, to io.Writer) error {
	if _, err := j.Find(ctx, id); err != nil {
		return err
	}
	rows, err := j.cfg.Pool.Query(ctx, `
		SELECT stream, outcome, kept FROM crm.import_streams WHERE import = $1 AND outcome NOT IN ('', 'untouched') ORDER BY stream`, id)
	if err != nil {
		return err
	}
	out := &sheet{out: csv.NewWriter(to)}
	if err := out.write([]string{"stream", "outcome", "kept"}); err != nil {
		return err
	}
	var stream, outcome string
	var kept []string
	if _, err := pgx.ForEachRow(rows, []any{&stream, &outcome, &kept}, func() error {
		return out.write([]string{stream, outcome, strings.Join(kept, "; ")})
	}); err != nil {
		return err
	}
	return out.flush()
}
