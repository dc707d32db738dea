package embedded

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// Expected revisions other than a number, as EventStoreDB spells them in trailers.
const (
	expectNoStream     int64 = -1
	expectAny          int64 = -2
	expectStreamExists int64 = -4
)

// A verdict is what becomes of an append.
type verdict uint8

const (
	accepted verdict = iota // write it
	repeated                // it was written before: answer as then
	wrong                   // the stream is not where the writer thinks
	deleted                 // the stream is tombstoned, or soft-deleted and expected to exist
)

// A decision is a verdict with its facts.
type decision struct {
	verdict verdict
	last    int64 // when repeated: the revision of the append's last event
}

// checkCommit decides about an append of events with these ids to the stream with
// head h, as EventStoreDB's IndexWriter.CheckCommit does. Two things differ, both
// for the better: ids are looked up in an index that is on disk and complete, so
// an append with Any or StreamExists can be sent again at any time, not only
// while a cache remembers it; and of an id used twice in one stream only the
// newest use counts, always.
//
// What EventStoreDB calls corrupted idempotency (the first event was written
// before, a later one was not) is wrong here too: that is what it answers to
// clients.
func checkCommit(db pebble.Reader, h *head, hasMetadata bool, expected int64, ids []uuid.UUID) (decision, error) {
	if h.tombstoned() {
		return decision{verdict: deleted}, nil
	}
	if expected == expectStreamExists {
		if h.retention.softDeleted() {
			return decision{verdict: deleted}, nil
		}
		if h.last < 0 && !hasMetadata { // a stream that has only metadata exists
			return decision{verdict: wrong}, nil
		}
	}
	switch {
	case expected == expectAny || expected == expectStreamExists:
		return checkIDs(db, h, ids)
	case expected < h.last:
		return checkRevisions(db, h, expected, ids)
	case expected > h.last:
		return decision{verdict: wrong}, nil
	default:
		return decision{verdict: accepted}, nil
	}
}

// checkIDs decides about an append that names no revision: either none of its
// first event's ids is known, or all are.
func checkIDs(db pebble.Reader, h *head, ids []uuid.UUID) (decision, error) {
	last := int64(-1)
	for i, id := range ids {
		revision, known, err := revisionOfID(db, h.id, id)
		if err != nil {
			return decision{}, err
		}
		if !known {
			if i == 0 {
				return decision{verdict: accepted}, nil
			}
			return decision{verdict: wrong}, nil
		}
		last = revision
	}
	if len(ids) == 0 {
		return decision{verdict: accepted}, nil
	}
	return decision{verdict: repeated, last: last}, nil
}

// checkRevisions decides about an append whose expected revision has passed: it
// is a repetition if just these events follow that revision.
func checkRevisions(db pebble.Reader, h *head, expected int64, ids []uuid.UUID) (decision, error) {
	for i, id := range ids {
		same, err := eventHasID(db, h, expected+1+int64(i), id)
		if err != nil {
			return decision{}, err
		}
		if same {
			continue
		}
		if i == 0 && expected == expectNoStream && h.retention.softDeleted() {
			return decision{verdict: accepted}, nil // it is written anew, after what was deleted
		}
		return decision{verdict: wrong}, nil
	}
	if len(ids) == 0 {
		return decision{verdict: wrong}, nil
	}
	return decision{verdict: repeated, last: expected + int64(len(ids))}, nil
}

func revisionOfID(db pebble.Reader, stream uint64, id uuid.UUID) (revision int64, known bool, err error) {
	if stream == 0 {
		return 0, false, nil
	}
	n, err := readNumber(db, idKey(stream, id))
	return int64(n) - 1, n != 0, err // stored one higher, from an int64
}

func eventHasID(db pebble.Reader, h *head, revision int64, id uuid.UUID) (bool, error) {
	if revision > h.last {
		return false, nil
	}
	same := false
	err := readEvent(db, h.id, revision, func(_ uint64, value []byte) error {
		same = uuid.UUID(value[:16]) == id
		return nil
	})
	return same, err
}
