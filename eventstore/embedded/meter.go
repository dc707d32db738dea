package embedded

import (
	"context"
	"io"
	"time"
)

// Progress says how far something long has come.
type Progress struct {
	Doing       string // what, in words
	Done, Total uint64 // of bytes or events; Total may be 0, for unknown
}

// progressEvery is how often, at most, progress is told.
const progressEvery = 100 * time.Millisecond

// A meter tells how far something has come, and stops it when its context ends.
type meter struct {
	ctx  context.Context //nolint:containedctx // it lives as long as one call
	tell func(Progress)
	now  Progress
	last time.Time
}

func newMeter(ctx context.Context, doing string, total uint64, tell func(Progress)) *meter {
	if tell == nil {
		tell = func(Progress) {}
	}
	return &meter{ctx: ctx, tell: tell, now: Progress{Doing: doing, Total: total}}
}

// add counts n more, and returns the context's error if that has ended.
func (m *meter) add(n uint64) error {
	m.now.Done += n
	if t := time.Now(); t.Sub(m.last) >= progressEvery || m.now.Done == m.now.Total {
		m.last = t
		m.tell(m.now)
		return m.ctx.Err()
	}
	return nil
}

// reader counts what is read through it.
func (m *meter) reader(from io.Reader) io.Reader { return metered{from, m} }

type metered struct {
	from  io.Reader
	meter *meter
}

func (r metered) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if stopped := r.meter.add(uint64(n)); stopped != nil {
		return n, stopped
	}
	return n, err
}
