package answers

import (
	"context"
	"time"
)

const (
	linger     = 20 * time.Millisecond // until a first answer is written, with all that came meanwhile
	bulk       = 2000                  // answers written at once
	writeTime  = 5 * time.Second       // that one write may take
	pruneEvery = time.Minute
	pruneLimit = 5000 // answers deleted at once
)

// write writes answers behind those who got them, and deletes old ones.
func (b *Book) write() {
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	var batch []Answer
	for {
		select {
		case first := <-b.queue:
			if batch = b.gather(append(batch[:0], *first)); !b.add(batch) {
				return
			}
		case <-prune.C:
			b.prune()
		case <-b.closing:
			if batch = b.drain(batch[:0]); len(batch) > 0 {
				b.addOnce(batch)
			}
			return
		}
	}
}

// gather takes what comes until it is time to write.
func (b *Book) gather(batch []Answer) []Answer {
	late := time.NewTimer(linger)
	defer late.Stop()
	for len(batch) < bulk {
		select {
		case next := <-b.queue:
			batch = append(batch, *next)
		case <-late.C:
			return batch
		case <-b.closing:
			return batch
		}
	}
	return batch
}

func (b *Book) drain(batch []Answer) []Answer {
	for len(b.queue) > 0 {
		batch = append(batch, *<-b.queue)
	}
	return batch
}

// add writes a batch, again and again while the table is away. It reports false
// when the book is closed meanwhile.
func (b *Book) add(batch []Answer) bool {
	for !b.addOnce(batch) {
		select {
		case <-time.After(silence):
		case <-b.closing:
			b.counts.lost.Add(float64(len(batch) + len(b.queue)))
			return false
		}
	}
	return true
}

// addOnce is not ended by Close, for the last answers are written in it.
func (b *Book) addOnce(batch []Answer) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.stop), writeTime)
	defer cancel()
	return b.heard(b.table.Add(ctx, batch, b.cfg.Keep)) == nil
}

// prune deletes what is older than it need be kept.
func (b *Book) prune() {
	for {
		ctx, cancel := context.WithTimeout(b.stop, writeTime)
		n, err := b.table.Prune(ctx, b.cfg.Keep, pruneLimit)
		cancel()
		if b.heard(err) != nil || n < pruneLimit || len(b.queue) > cap(b.queue)/2 {
			return
		}
	}
}
