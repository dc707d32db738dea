package eventstore

import (
	"context"
	"sync"

	"crm/domain"
)

// readAhead is what was received and decoded but not yet taken: at most two
// batches, one to be taken next and one that fills while that is worked on. The
// receiver waits while both are full, and with it, through gRPC's flow control,
// the server. There is no linger: a batch is as large as what arrived while the
// one before was worked on.
type readAhead struct {
	maxEvents, maxBytes int

	mu      sync.Mutex
	changed sync.Cond
	batches []filling
	length  int             // of the batch taken last; the next one is likely to be as long
	after   domain.Position // where the next batch to be taken begins
	err     error           // why nothing more will come
}

// filling is a batch that may still grow.
type filling struct {
	domain.Batch
	bytes int
	due   bool // worth taking, though it holds no event
}

// newReadAhead holds nothing yet; it ends when ctx does.
func newReadAhead(ctx context.Context, after domain.Position, maxEvents, maxBytes int) *readAhead {
	a := &readAhead{maxEvents: maxEvents, maxBytes: maxBytes, after: after}
	a.changed.L = &a.mu
	context.AfterFunc(ctx, func() { a.end(ctx.Err()) })
	return a
}

func (a *readAhead) full(b *filling) bool {
	return len(b.Events) >= a.maxEvents || b.bytes >= a.maxBytes
}

// add puts an event behind all others and waits until there is room for it. It
// is false when the end came first.
func (a *readAhead) add(event domain.Recorded) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.err == nil && len(a.batches) == 2 && a.full(&a.batches[1]) {
		a.changed.Wait()
	}
	if a.err != nil {
		return false
	}
	b := a.last()
	if a.full(b) {
		a.batches = append(a.batches, filling{})
		b = a.last()
	}
	if b.Events == nil {
		b.Events = make([]domain.Recorded, 0, min(a.length+a.length/8+1, a.maxEvents))
	}
	b.Events = append(b.Events, event)
	b.Through = event.Position
	b.bytes += sizeOf(event)
	a.changed.Broadcast()
	return true
}

// sizeOf is what an event takes, about.
func sizeOf(event domain.Recorded) int { return len(event.Data) + metaBytes }

// metaBytes is what an event takes beside its payload, about.
const metaBytes = 512

// pass notes that nothing of ours lies before position. Due says whether that is
// worth a batch of its own.
func (a *readAhead) pass(position domain.Position, due bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.last()
	if !b.Through.Before(position) || !a.after.Before(position) {
		return
	}
	b.Through = position
	b.due = b.due || due
	a.changed.Broadcast()
}

// last is the batch that fills.
func (a *readAhead) last() *filling {
	if len(a.batches) == 0 {
		a.batches = append(a.batches, filling{})
	}
	return &a.batches[len(a.batches)-1]
}

// end says that nothing more will come, and why.
func (a *readAhead) end(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.err = err
	}
	a.changed.Broadcast()
}

// take waits for a batch. What arrived before the end is still given.
func (a *readAhead) take() (domain.Batch, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.batches) == 0 || len(a.batches[0].Events) == 0 && !a.batches[0].due {
		if a.err != nil {
			return domain.Batch{}, a.err
		}
		a.changed.Wait()
	}
	batch := a.batches[0].Batch
	a.batches = append(a.batches[:0], a.batches[1:]...)
	batch.After, a.after, a.length = a.after, batch.Through, len(batch.Events)
	a.changed.Broadcast()
	return batch, nil
}
