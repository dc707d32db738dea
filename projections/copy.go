package projections

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
)

// copy appends rows of the buffer by COPY.
func (b *Builder) copy(ctx context.Context, buf buffer, bound *binding, slots []int) error {
	statement := bound.copy
	if b.writer.bulk && b.window.first {
		statement = bound.freeze
	}
	rows := &copying{columns: bound.columns, buffer: buf, slots: slots, encoded: append(b.scratch[:0], copyHeader...)}
	_, err := b.conn.PgConn().CopyFrom(ctx, rows, statement)
	rows.stop()
	b.scratch = rows.encoded
	if rows.err != nil {
		return b.refused(rows.err, buf.table())
	}
	return lasting(err, b.first, buf.table().name())
}

// copying is rows in the binary format of COPY, encoded as they are read: while the next
// ones are, Postgres takes in those before.
type copying struct {
	mu      sync.Mutex // pgx reads in a goroutine, which it leaves behind when the connection is lost
	stopped bool
	columns []column
	buffer  buffer
	slots   []int // what is left
	ended   bool
	encoded []byte // of it, what lies behind taken was not read yet
	taken   int
	err     error // why a row cannot be encoded
}

const copyHeader = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// errNotEncoded stands for what cannot be encoded: Postgres is told it, and writes it to
// its log.
var errNotEncoded = errors.New("a row cannot be encoded")

// Read implements io.Reader.
func (c *copying) Read(into []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return 0, io.EOF
	}
	if c.taken == len(c.encoded) {
		c.encoded, c.taken = c.encoded[:0], 0
	}
	for c.taken == 0 && len(c.encoded) < len(into) && !c.ended {
		if len(c.slots) == 0 {
			c.encoded = binary.BigEndian.AppendUint16(c.encoded, 0xffff)
			c.ended = true
			break
		}
		if c.err = c.encode(c.slots[0]); c.err != nil {
			return 0, errNotEncoded
		}
		c.slots = c.slots[1:]
	}
	n := copy(into, c.encoded[c.taken:])
	if c.taken += n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// stop waits for a Read at work, and has later ones read nothing: the buffer is somebody
// else's from then on.
func (c *copying) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
}

func (c *copying) encode(slot int) (err error) {
	c.encoded = binary.BigEndian.AppendUint16(c.encoded, uint16(len(c.columns)))
	row := c.buffer.row(slot)
	for i := range c.columns {
		column := &c.columns[i]
		if c.encoded, err = column.copied(c.encoded, row); err != nil {
			return columnError{column.column, err}
		}
	}
	return nil
}
