package projections

import (
	"context"
	"encoding/binary"
	"unsafe"

	"github.com/jackc/pgx/v5/pgconn"
)

// pipelined is statements that go to Postgres together. Without a BEGIN among
// them or before, they are one transaction.
type pipelined struct {
	batch  pgconn.Batch
	tables []string // of each statement; "" for none
}

// add sends the rows of the chosen slots, one array per column.
func (p *pipelined) add(scratch *[]byte, of table, s *pgconn.StatementDescription, columns []column, slots []int, at func(int) unsafe.Pointer) error {
	if len(slots) == 0 {
		return nil
	}
	buf, ends := (*scratch)[:0], make([]int, 1, len(columns)+1)
	for _, c := range columns {
		const oneDimension, mayHoldNull, lowerBound = 1, 1, 1
		buf = binary.BigEndian.AppendUint32(buf, oneDimension)
		buf = binary.BigEndian.AppendUint32(buf, mayHoldNull)
		buf = binary.BigEndian.AppendUint32(buf, c.oid)
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(slots)))
		buf = binary.BigEndian.AppendUint32(buf, lowerBound)
		for _, i := range slots {
			var err error
			if buf, err = c.write(buf, at(i)); err != nil {
				return columnError{c.column, err}
			}
		}
		ends = append(ends, len(buf))
	}
	*scratch = buf
	arrays := make([][]byte, len(columns))
	for i := range arrays {
		arrays[i] = buf[ends[i]:ends[i+1]]
	}
	p.batch.ExecStatement(s, arrays, binaryFormat, binaryFormat) // copies
	p.tables = append(p.tables, of.name())
	return nil
}

// addKeyed sends what became of a keyed table's rows.
func (p *pipelined) addKeyed(scratch *[]byte, k keyed, bound *binding) error {
	var gone, kept []int
	for _, i := range bound.order {
		switch f := k.fate(i); {
		case !f.gone:
			k.name(i) // a change may have written over its key
			kept = append(kept, i)
		case f.stored:
			gone = append(gone, i)
		}
	}
	if err := p.add(scratch, k.table(), bound.remove, bound.keys, gone, k.key); err != nil {
		return err
	}
	return p.add(scratch, k.table(), bound.upsert, bound.columns, kept, k.row)
}

// addSums sends what is added to a table of sums, and then takes out what has become
// nothing.
func (p *pipelined) addSums(scratch *[]byte, k sorted, bound *binding) error {
	if err := bound.sort(k, upTo(k.rows()), scratch); err != nil {
		return err
	}
	if err := p.add(scratch, k.table(), bound.upsert, bound.columns, bound.order, k.row); err != nil {
		return err
	}
	return p.add(scratch, k.table(), bound.remove, bound.keys, bound.order, k.key)
}

// upTo is the slots below n.
func upTo(n int) []int {
	slots := make([]int, n)
	for i := range slots {
		slots[i] = i
	}
	return slots
}

var binaryFormat = []int16{1}

// exec sends a statement of the engine's own, with arguments as text.
func (p *pipelined) exec(s *pgconn.StatementDescription, args ...[]byte) {
	p.batch.ExecStatement(s, args, nil, nil)
	p.tables = append(p.tables, "")
}

// run sends all and has each answer read.
func (p *pipelined) run(ctx context.Context, b *Builder, read func(i int, rows *pgconn.ResultReader) error) error {
	if len(p.tables) == 0 {
		return nil
	}
	answers := b.conn.PgConn().ExecBatch(ctx, &p.batch)
	i := 0
	for ; answers.NextResult(); i++ {
		if err := read(i, answers.ResultReader()); err != nil {
			_ = answers.Close() // the first error counts
			return lasting(err, b.first, p.tables[i])
		}
	}
	table := ""
	if i < len(p.tables) {
		table = p.tables[i]
	}
	return lasting(answers.Close(), b.first, table)
}

// nothing reads the answer to a statement that answers nothing.
func nothing(_ int, rows *pgconn.ResultReader) error {
	_, err := rows.Close()
	return err
}
