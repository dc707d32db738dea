package readmodels

import (
	"slices"
	"time"
)

// path is where a thing has stood, and since when: the stages of a deal, the
// lifecycle of a customer. Each stay lasts until the next begins; the last one goes
// on. A stay may last no time at all, as when a deal was opened, moved and won on the
// day that an import knows.
//
// A move that occurred before others that are recorded already takes them back: as
// the whole state does, it holds from its instant on.
type path struct {
	Places []string    `db:"path"`
	Since  []time.Time `db:"path_since"`
}

// move says that the thing stands at place since then. It leaves the slices alone
// that p had, as they may belong to another version of the row.
func (p *path) move(place string, since time.Time) {
	kept := len(p.Since)
	for kept > 0 && p.Since[kept-1].After(since) {
		kept--
	}
	p.Places, p.Since = slices.Clip(p.Places[:kept]), slices.Clip(p.Since[:kept])
	if kept == 0 || p.Places[kept-1] != place {
		p.Places, p.Since = append(p.Places, place), append(p.Since, since)
	}
}

// later is the later of two instants, as in package projections, which has no reason to
// offer it to others.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
