package importing

import (
	"context"
	"sync/atomic"
)

// Record is a row as it stands in a file.
type Record struct {
	Number  int64 // as of Result
	Name    string
	Line    int
	Raw     []byte
	Columns []string // of a file that has a header
	Cells   []string // one for each of the columns; nil where the row is none
}

// Records reads the files again and hands out their rows, numbered as [Work.Do] does.
// It ends with the error of each.
func (p *Plan) Records(ctx context.Context, files []File, each func(Record) error) error {
	jobs, err := p.jobs(files)
	if err != nil {
		return err
	}
	if err := each(Record{Name: p.Name}); err != nil {
		return err
	}
	var unused atomic.Int64
	number := int64(0)
	for i := range jobs {
		if err := jobs[i].each(ctx, &unused, &number, func(in reader, of *row, rec *record, _ error) error {
			r := Record{Number: of.number, Name: of.name, Line: of.line, Raw: of.raw, Columns: in.names()}
			if rec != nil && r.Columns != nil && len(rec.cells) == len(r.Columns) {
				r.Cells = rec.cells
			}
			return each(r)
		}); err != nil {
			return err
		}
	}
	return nil
}
