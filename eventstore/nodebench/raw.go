package nodebench

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/google/uuid"
)

// recordBytes is how large the event of event.go is as the node stores it.
const recordBytes = 350

// rawOptions are those that the node gives Pebble.
func rawOptions() *pebble.Options {
	options := &pebble.Options{
		FormatMajorVersion: pebble.FormatNewest, Logger: quiet{},
		CacheSize: 64 << 20, MemTableSize: 16 << 20, MemTableStopWritesThreshold: 4,
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return options
}

// quiet drops what Pebble has to say.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

// rawAppends writes the keys of one event per call.
func (b *bench) rawAppends(ctx context.Context, dir string, goroutines int) (_ pace, err error) {
	db, err := pebble.Open(dir, rawOptions())
	if err != nil {
		return pace{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var last atomic.Uint64
	value := make([]byte, recordBytes)
	return drive(ctx, goroutines, b.Duration, 1, func() func(context.Context) error {
		var stream, revision uint64
		return func(context.Context) error {
			position := last.Add(1)
			batch := db.NewBatch()
			defer func() { _ = batch.Close() }() // only gives its memory back
			if revision %= perStream; revision == 0 {
				stream = position
				if err := batch.Set(append([]byte("n"), newStream()...), number(stream), nil); err != nil {
					return err
				}
			}
			id := uuid.New()
			err := errors.Join(
				batch.Set(append([]byte("e"), number(position)...), value, nil),
				batch.Set(append(append([]byte("s"), number(stream)...), number(revision)...), number(position), nil),
				batch.Set(append(append([]byte("i"), number(stream)...), id[:]...), number(revision), nil),
				batch.Commit(pebble.Sync))
			revision++
			return err
		}
	})
}

// rawScan reads all events of a store that no node serves.
func rawScan(dir string) (events int, err error) {
	options := rawOptions()
	options.ReadOnly = true
	db, err := pebble.Open(dir, options)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte("e"), UpperBound: []byte("f")})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if len(it.Value()) == 0 {
			return events, errors.New("an event without a value")
		}
		events++
	}
	return events, it.Error()
}
