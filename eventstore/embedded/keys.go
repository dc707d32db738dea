package embedded

import (
	"encoding/binary"

	"github.com/google/uuid"
)

// The key layout. Numbers are big-endian, so that keys sort as the numbers do. A
// stream's name appears in one kind of key only, and there it is the whole rest
// of the key: no name can be a prefix of another key.
//
//	e | position              -> event id (16 bytes), fields 2 to 8 of RecordedEvent (see record.go)
//	s | stream id | revision  -> position
//	i | stream id | event id  -> revision      the newest, should an id have been used twice
//	n | stream name           -> stream id
//	m | name                  -> facts about the store itself
//
// All keys of an append are written by one batch, so an event is reachable by
// every index or by none.
const (
	eventPrefix    = 'e'
	revisionPrefix = 's'
	idPrefix       = 'i'
	namePrefix     = 'n'
	storePrefix    = 'm'
)

func eventKey(position uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{eventPrefix}, position)
}

func revisionKey(stream uint64, revision int64) []byte {
	key := binary.BigEndian.AppendUint64(append(make([]byte, 0, 17), revisionPrefix), stream)
	return binary.BigEndian.AppendUint64(key, uint64(revision))
}

func idKey(stream uint64, id uuid.UUID) []byte {
	key := binary.BigEndian.AppendUint64(append(make([]byte, 0, 25), idPrefix), stream)
	return append(key, id[:]...)
}

func nameKey(name string) []byte {
	return append(append(make([]byte, 0, 1+len(name)), namePrefix), name...)
}

func storeKey(name string) []byte {
	return append([]byte{storePrefix}, name...)
}

// positionOf reads the position out of an event key.
func positionOf(key []byte) (uint64, bool) {
	if len(key) != 9 || key[0] != eventPrefix {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[1:]), true
}

// revisionOf reads stream id and revision out of a revision key.
func revisionOf(key []byte) (stream uint64, revision int64, ok bool) {
	if len(key) != 17 || key[0] != revisionPrefix {
		return 0, 0, false
	}
	// written by revisionKey from an int64
	return binary.BigEndian.Uint64(key[1:]), int64(binary.BigEndian.Uint64(key[9:])), true
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// numberOf reads a stored number; anything but eight bytes is damage.
func numberOf(value []byte) (uint64, error) {
	if len(value) != 8 {
		return 0, errDamaged
	}
	return binary.BigEndian.Uint64(value), nil
}
