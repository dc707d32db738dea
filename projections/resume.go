package projections

import (
	"context"
	"maps"
	"slices"

	"crm/domain"
	"crm/domain/readmodel"
)

// request is where the first event lies that says what is to become of streams this
// read model has parked, and the number of events where there is none. It is met in
// order, so that whoever builds the read model does the same at the same place.
func (b *Builder) request(events []domain.Recorded) int {
	for i := range events {
		switch r := events[i].Event.(type) {
		case readmodel.RetryRequested:
			if r.Name == b.projection.Name() {
				return i
			}
		case readmodel.EventSkipped:
			if r.Name == b.projection.Name() {
				return i
			}
		}
	}
	return len(events)
}

// brief asks the log, once, which events this read model is to go without. A build that
// has not come to them yet leaves them out there, whether or not it could apply them: so
// it is as the one that was parked at them.
func (b *Builder) brief(ctx context.Context) error {
	if b.briefed || b.Parking.Load == nil {
		return nil
	}
	events, err := b.readStream(ctx, domain.ReadModelStream(domain.ReadModelNamed(b.projection.Name())), domain.NoStream)
	if err != nil {
		return err
	}
	for i := range events {
		if r, ok := events[i].Event.(readmodel.EventSkipped); ok && b.request(events[i:i+1]) == 0 {
			b.leaveOut(r)
		}
	}
	b.briefed = true
	return nil
}

// leaveOut has the event be left out, if it is still to come.
func (b *Builder) leaveOut(r readmodel.EventSkipped) {
	b.skipped[r.Stream] = append(b.skipped[r.Stream], span{r.Revision, r.Revision})
}

// readStream reads a stream, and has the time of a transaction for it.
func (b *Builder) readStream(ctx context.Context, stream domain.Stream, after domain.Revision) ([]domain.Recorded, error) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	return b.Parking.Load(ctx, stream, after)
}

// obey does what e asks for, and moves the checkpoint over it. What is not parked
// here, or elsewhere in its stream, is left as it is: this build stands beyond it, or
// does not get that far.
//
// Each stream is a transaction or more of its own; the parked row is its checkpoint.
// After a crash in between, e is met again, and does the rest.
//
// Each transaction has the time of one, so that any number of streams is done with. A
// stream that is caught up with is mostly backdated: m such events on a row of n
// versions write m·n rows of history.
func (b *Builder) obey(ctx context.Context, e *domain.Recorded) error {
	switch r := e.Event.(type) {
	case readmodel.RetryRequested:
		for _, stream := range slices.Sorted(maps.Keys(b.parked)) {
			if r.Stream == "" || r.Stream == stream {
				if err := b.resume(ctx, b.parked[stream], e, false); err != nil {
					return err
				}
			}
		}
	case readmodel.EventSkipped:
		b.leaveOut(r)
		p, parked := b.parked[r.Stream]
		begun := p.Class == Retrying
		if parked && (begun || p.Revision == r.Revision) {
			if err := b.resume(ctx, p, e, !begun); err != nil {
				return err
			}
		}
	}
	return b.advance(ctx, []domain.Recorded{*e}, e.Position)
}

// resume applies what the parked stream holds up to the request, as far as it goes;
// without the event that it stands at, where that is to be skipped.
func (b *Builder) resume(ctx context.Context, p Parked, request *domain.Recorded, skip bool) error {
	b.catchUp = p.Stream
	defer func() { b.catchUp = "" }()
	events, lost, err := b.waiting(ctx, p, request, skip)
	if err != nil {
		return err
	}
	var skipped *span
	if skip {
		skipped = &span{p.Revision, p.Revision}
		if len(events) > 0 { // of missing ones, all
			skipped.last = events[0].Revision - 1
		}
	}
	for {
		n, parked, err := b.attempt(ctx, events, func(n int, wrong *Failure) outcome {
			o := outcome{to: b.tally.added(b.checkpoint), skip: skipped, asked: request.Position}
			switch {
			case n == len(events) && lost == nil:
				o.free = p.Stream
				return o
			case n == len(events):
				at := *lost
				o.park = &at
			case wrong != nil:
				at := parkedAt(&events[n], wrong)
				o.park = &at
			default:
				at := parkedAt(&events[n], &Failure{Class: Retrying})
				o.park = &at
			}
			if o.park.Revision == p.Revision {
				o.park.Attempts += p.Attempts
			}
			if n < len(events) {
				o.park.Waiting = b.concerning(events[n+1:])
				if lost != nil {
					o.park.Waiting += lost.Waiting
				}
			}
			return o
		})
		if err != nil || parked || n == len(events) {
			return err
		}
		events, skipped = events[n:], nil
	}
}

// waiting reads what the parked stream holds between where it stands and the request.
// Where an event is missing in it, what follows that is lost, and the stream is to be
// parked there.
func (b *Builder) waiting(ctx context.Context, p Parked, request *domain.Recorded, skip bool) (events []domain.Recorded, lost *Parked, err error) {
	if b.Parking.Load == nil {
		return nil, nil, &Failure{
			Class: Broken, Position: request.Position, EventType: request.Event.EventType(), Detail: "no log to read a stream from",
		}
	}
	after := p.Revision - 1
	if skip {
		after = p.Revision
	}
	if events, err = b.readStream(ctx, p.Stream, after); err != nil {
		return nil, nil, err
	}
	until, _ := slices.BinarySearchFunc(events, request.Position, func(e domain.Recorded, at domain.Position) int {
		if e.Position.Before(at) {
			return -1
		}
		return 1
	})
	events = events[:until]
	next := after + 1
	if skip && len(events) > 0 {
		next = events[0].Revision
	}
	for i := range events {
		if events[i].Revision != next {
			at := parkedAt(&events[i], &Failure{Class: Missing, cause: gap{p.Stream, next}})
			at.Waiting = b.concerning(events[i:])
			return events[:i], &at, nil
		}
		next++
	}
	if len(events) == 0 && !skip { // not even the event that it stands at
		same := p
		same.Attempts = 1
		return nil, &same, nil
	}
	return events, nil, nil
}

// concerning is how many of the events are for this read model.
func (b *Builder) concerning(events []domain.Recorded) (n int64) {
	for i := range events {
		if b.handles[events[i].Event.EventType()] {
			n++
		}
	}
	return n
}
