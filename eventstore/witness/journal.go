package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A Fact is what stands at a position of the log.
type Fact struct {
	Stream   string
	Revision uint64
	ID       uuid.UUID
}

func (f Fact) String() string { return fmt.Sprintf("%s@%d (%s)", f.Stream, f.Revision, f.ID) }

func factOf(e *esdb.RecordedEvent) Fact {
	return Fact{Stream: e.StreamID, Revision: e.EventNumber, ID: e.EventID}
}

// A Journal is what clients were told: by the answers to their appends, by
// subscriptions, and by reading the log. Its zero value is empty. Writers and
// watchers may use it at the same time; Hold wants the writers to rest.
type Journal struct {
	mu   sync.Mutex
	told map[uint64]Fact // by position, of what is not in log
	log  Log             // as it was read last
}

// Heard notes what a client was told to stand at a position. It returns an error
// if another client was told something else.
func (j *Journal) Heard(position uint64, f Fact) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	known, ok := j.told[position]
	if position >= 1 && position <= uint64(len(j.log.facts)) {
		known, ok = j.log.facts[position-1], true
	}
	if ok && known != f {
		return fmt.Errorf("at %d one was told %s, another %s", position, known, f)
	}
	if !ok {
		if j.told == nil {
			j.told = map[uint64]Fact{}
		}
		j.told[position] = f
	}
	return nil
}

// Hold reads what the log has beyond what it read last, and holds it against
// what was heard.
func (j *Journal) Hold(ctx context.Context, client *Client) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.log.read(ctx, client); err != nil {
		return err
	}
	return j.settle()
}

// HoldWhole is Hold from the start of the log on, and of the streams by
// themselves.
func (j *Journal) HoldWhole(ctx context.Context, client *Client) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := Log{}
	if err := now.read(ctx, client); err != nil {
		return err
	}
	if err := now.beginsWith(&j.log); err != nil {
		return err
	}
	j.log = now
	return errors.Join(j.settle(), j.log.readStreams(ctx, client))
}

// HoldPrefix holds another store, a copy, against the log as it was read last: it
// has to be the log up to some position, which is returned.
func (j *Journal) HoldPrefix(ctx context.Context, client *Client) (end uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	copied := Log{}
	if err := copied.read(ctx, client); err != nil {
		return 0, err
	}
	if err := copied.ended(); err != nil {
		return 0, err
	}
	return uint64(len(copied.facts)), errors.Join(j.log.beginsWith(&copied), copied.readStreams(ctx, client))
}

// settle compares what was heard with the log just read, of which it then is a
// part.
func (j *Journal) settle() error {
	errs := faults{}
	errs.add(j.log.ended())
	for position, f := range j.told {
		switch end := uint64(len(j.log.facts)); {
		case position == 0 || position > end:
			errs.add(fmt.Errorf("lost: %s, told to stand at %d; the log ends at %d", f, position, end))
		case j.log.facts[position-1] != f:
			errs.add(fmt.Errorf("at %d stands %s, %s was told to", position, j.log.facts[position-1], f))
		}
	}
	clear(j.told)
	return errs.err()
}

// Log returns the log as it was read last. It must not be changed.
func (j *Journal) Log() *Log {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &j.log
}

// A Log is the events of a store, read through $all.
type Log struct {
	facts   []Fact            // that at position p is facts[p-1]
	next    map[string]uint64 // revision that each stream's next event must have
	appends map[uint64]uint64 // position of the first event of each append, by its number
}

// Len returns the number of events.
func (l *Log) Len() int { return len(l.facts) }

// Positions returns where the events are that match.
func (l *Log) Positions(match func(Fact) bool) []uint64 {
	var positions []uint64
	for i, f := range l.facts {
		if match(f) {
			positions = append(positions, uint64(i)+1)
		}
	}
	return positions
}

// read reads on from where the log was read last.
func (l *Log) read(ctx context.Context, client *Client) error {
	options := esdb.ReadAllOptions{From: esdb.Start{}}
	if n := uint64(len(l.facts)); n > 0 {
		options.From = esdb.Position{Commit: n + 1, Prepare: n + 1} // inclusive
	}
	errs := faults{}
	return errors.Join(errs.each(ctx, client, func(client *esdb.Client) (*esdb.ReadStream, error) {
		return client.ReadAll(ctx, options, math.MaxInt64)
	}, l.take), errs.err())
}

// take adds an event and checks it against those before. Its error does not keep
// it from being added.
func (l *Log) take(e *esdb.RecordedEvent) error {
	if l.next == nil {
		l.next, l.appends = map[string]uint64{}, map[uint64]uint64{}
	}
	f, position := factOf(e), uint64(len(l.facts))+1
	o, before := originOf(f.ID), uuid.UUID{}
	if len(l.facts) > 0 {
		before = l.facts[len(l.facts)-1].ID
	}
	errs := []error{intact(e)}
	if e.Position.Commit != position || e.Position.Prepare != position {
		errs = append(errs, fmt.Errorf("%s is at %v, the event before at %d", f, e.Position, position-1))
	}
	if f.Revision != l.next[f.Stream] {
		errs = append(errs, fmt.Errorf("%s at %d: the stream's next revision is %d", f, position, l.next[f.Stream]))
	}
	if !follows(before, f.ID) {
		errs = append(errs, fmt.Errorf("%s at %d after %s: half an append", f, position, before))
	}
	if o.index == 0 {
		if first, again := l.appends[o.append]; again {
			errs = append(errs, fmt.Errorf("%s is at %d and at %d", f, first, position))
		}
		l.appends[o.append] = position
	}
	l.facts, l.next[f.Stream] = append(l.facts, f), f.Revision+1
	return errors.Join(errs...)
}

// ended tells whether the log ends with a whole append.
func (l *Log) ended() error {
	if len(l.facts) == 0 {
		return nil
	}
	if last := l.facts[len(l.facts)-1]; !follows(last.ID, uuid.UUID{}) {
		return fmt.Errorf("the log ends with %s: half an append", last)
	}
	return nil
}

func (l *Log) beginsWith(prefix *Log) error {
	if len(prefix.facts) > len(l.facts) {
		return fmt.Errorf("%d events where there were %d", len(l.facts), len(prefix.facts))
	}
	for i, f := range prefix.facts {
		if l.facts[i] != f {
			return fmt.Errorf("at %d stands %s instead of %s", i+1, l.facts[i], f)
		}
	}
	return nil
}

// readStreams reads every stream by itself: the log's index by stream is another
// than that by position.
func (l *Log) readStreams(ctx context.Context, client *Client) error {
	streams := map[string][]uint64{}
	for i, f := range l.facts {
		streams[f.Stream] = append(streams[f.Stream], uint64(i)+1)
	}
	errs := faults{}
	for stream, positions := range streams {
		n := 0
		errs.add(errs.each(ctx, client, func(client *esdb.Client) (*esdb.ReadStream, error) {
			return client.ReadStream(ctx, stream, esdb.ReadStreamOptions{From: esdb.Start{}}, math.MaxInt64)
		}, func(e *esdb.RecordedEvent) error {
			n++
			if n > len(positions) || factOf(e) != l.facts[positions[n-1]-1] || e.Position.Commit != positions[n-1] {
				return fmt.Errorf("event %d of stream %s is %s at %d, and not so in $all", n, stream, factOf(e), e.Position.Commit)
			}
			return intact(e)
		}))
		if n < len(positions) {
			errs.add(fmt.Errorf("stream %s has %d events, %d of them are in $all", stream, n, len(positions)))
		}
	}
	return errs.err()
}

// faults gathers errors; the first few tell the story.
type faults struct {
	errs []error
	more int
}

func (f *faults) add(err error) {
	switch {
	case err == nil:
	case len(f.errs) < 8:
		f.errs = append(f.errs, err)
	default:
		f.more++
	}
}

func (f *faults) err() error {
	if f.more > 0 {
		return errors.Join(append(f.errs, fmt.Errorf("and %d more", f.more))...)
	}
	return errors.Join(f.errs...)
}

// patience is how long a read waits for its node: a client whose node was away
// fails some calls before it finds it again.
const patience = 30 * time.Second

// each calls take with every event of a read. Its error is that of the read;
// those of take are added to f.
func (f *faults) each(
	ctx context.Context, client *Client, read func(*esdb.Client) (*esdb.ReadStream, error), take func(*esdb.RecordedEvent) error,
) error {
	for began := time.Now(); ; rest(ctx, 10*time.Millisecond) {
		n, err := f.once(ctx, client, read, take)
		if unavailable(err) && n == 0 && ctx.Err() == nil && time.Since(began) < patience {
			continue
		}
		if err != nil {
			return fmt.Errorf("read, %d events: %w", n, err)
		}
		return nil
	}
}

// unavailable tells whether no node was reached. Where a read cannot begin the
// client returns the bare gRPC error.
func unavailable(err error) bool {
	if e, ok := errors.AsType[*esdb.Error](err); ok {
		return e.Code() == esdb.ErrorUnavailable
	}
	return status.Code(err) == codes.Unavailable
}

// once is one attempt. It returns how many events were taken.
func (f *faults) once(
	ctx context.Context, client *Client, read func(*esdb.Client) (*esdb.ReadStream, error), take func(*esdb.RecordedEvent) error,
) (n int, err error) {
	events, err := await(ctx, client, read)
	if err != nil {
		return 0, err
	}
	defer events.Close()
	for ; ; n++ {
		e, err := events.Recv()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		f.add(take(e.Event))
	}
}
