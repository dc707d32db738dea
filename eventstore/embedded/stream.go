package embedded

import (
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// everything, as a position, is beyond any event: what the writer sees. Readers
// pass the horizon.
const everything = math.MaxUint64

// A head is what has to be known of a stream to append to it or to read it.
type head struct {
	id        uint64 // 0: the name was never written to
	last      int64  // revision of the last event; -1: none; deletedRevision: tombstoned
	retention retention
}

func (h *head) tombstoned() bool { return h.last == deletedRevision }

// gone reports whether readers are told that there is no such stream.
func (h *head) gone() bool { return h.last < 0 || h.retention.softDeleted() }

// loadHead reads the head of a stream as it was at position upto.
func loadHead(db pebble.Reader, stream string, upto uint64) (*head, error) {
	h := &head{last: -1}
	var err error
	if h.id, err = readNumber(db, nameKey(stream)); err != nil {
		return nil, err
	}
	if h.id != 0 {
		if h.last, err = lastRevision(db, h.id, upto); err != nil {
			return nil, err
		}
	}
	if isMetastream(stream) {
		h.retention = retention{maxCount: 1}
		// A tombstone takes the stream's metadata with it.
		original, err := readNumber(db, nameKey(originalOf(stream)))
		if err != nil || original == 0 {
			return h, err
		}
		last, err := lastRevision(db, original, upto)
		if last == deletedRevision {
			h.last = deletedRevision
		}
		return h, err
	}
	data, err := lastMetadata(db, stream, upto)
	if err != nil {
		return nil, err
	}
	if data != nil {
		h.retention = parseRetention(data)
	}
	return h, nil
}

// lastMetadata returns the newest metadata of a stream at upto, nil if it has
// none or that is not JSON.
func lastMetadata(db pebble.Reader, stream string, upto uint64) ([]byte, error) {
	id, err := readNumber(db, nameKey(metastreamOf(stream)))
	if err != nil || id == 0 {
		return nil, err
	}
	last, err := lastRevision(db, id, upto)
	if err != nil || last < 0 {
		return nil, err
	}
	var data []byte
	err = readEvent(db, id, last, func(_ uint64, value []byte) error {
		r, err := parseRecord(value, true)
		if r.json { // what is not said to be JSON says nothing
			data = append([]byte{}, r.data...)
		}
		return err
	})
	return data, err
}

// lastRevision returns the revision of a stream's last event at or before
// position upto, -1 when there is none.
func lastRevision(db pebble.Reader, stream uint64, upto uint64) (revision int64, err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: revisionKey(stream, 0), UpperBound: revisionKey(stream+1, 0)})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.Last(); ok; ok = it.Prev() {
		position, err := numberOf(it.Value())
		if err != nil {
			return 0, err
		}
		if position <= upto {
			_, revision, ok := revisionOf(it.Key())
			if !ok {
				return 0, errDamaged
			}
			return revision, nil
		}
	}
	return -1, it.Error()
}

// readEvent calls use with the position and stored form of one event, both valid
// during the call only.
func readEvent(db pebble.Reader, stream uint64, revision int64, use func(position uint64, value []byte) error) error {
	position, err := readNumber(db, revisionKey(stream, revision))
	if err != nil {
		return err
	}
	value, closer, err := db.Get(eventKey(position))
	if errors.Is(err, pebble.ErrNotFound) {
		return fmt.Errorf("event at position %d: %w", position, errDamaged)
	}
	if err != nil {
		return err
	}
	if len(value) < len(uuid.UUID{}) {
		return errors.Join(errDamaged, closer.Close())
	}
	return errors.Join(use(position, value), closer.Close())
}
