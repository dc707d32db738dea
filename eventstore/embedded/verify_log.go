package embedded

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// An entry is what the indexes must say of one event.
type entry struct {
	stream   uint64
	revision int64
	position uint64
	id       uuid.UUID
}

const (
	entriesAtOnce = 1 << 17 // events whose index entries are looked up together; 5 MiB
	numbersKept   = 1 << 16 // streams whose number is remembered
)

// log reads every event, and looks up what both indexes say of it. The look-ups of
// many events are made in the order of the index, which then is read from front to
// back instead of at random.
func (v *verifier) log() error {
	var err error
	if v.report.Position, err = lastPosition(v.db); err != nil {
		return err
	}
	numbers, err := simplelru.NewLRU[string, uint64](numbersKept, nil)
	if err != nil {
		return err
	}
	entries := make([]entry, 0, min(v.report.Position, entriesAtOnce))
	last := uint64(0)
	err = v.scan(eventPrefix, "events", func(key, value []byte) error {
		v.report.Events++
		position, ok := positionOf(key)
		if !ok {
			v.find(0, "", "%q is no key of an event", key)
			return nil
		}
		if position != last+1 {
			v.find(last+1, "", "no event is there; the next is at position %d", position)
		}
		last = position
		r, ok := wholeRecord(value)
		if !ok {
			v.find(position, "", "the event cannot be read")
			return nil
		}
		v.event(position, r)
		number, ok := numbers.Get(string(r.stream))
		if !ok {
			var err error
			if number, err = readNumber(v.db, nameKey(string(r.stream))); err != nil {
				return err
			}
			numbers.Add(string(r.stream), number)
		}
		if number == 0 {
			v.find(position, string(r.stream), "the name has no number, so that the stream cannot be found")
			return nil
		}
		entries = append(entries, entry{number, r.revision, position, r.id})
		if len(entries) < entriesAtOnce {
			return nil
		}
		err := v.lookUp(entries)
		entries = entries[:0]
		return err
	})
	return errors.Join(err, v.lookUp(entries))
}

// event looks at one event by itself.
func (v *verifier) event(position uint64, r record) {
	stream := string(r.stream)
	if r.position != position {
		v.find(position, stream, "the event says that it is at position %d", r.position)
	}
	if r.created < v.newest {
		v.find(position, stream, "the event was created before the one in front of it")
	}
	v.newest = max(v.newest, r.created)
	original := originalOf(stream)
	if !slices.ContainsFunc(v.cfg.Permanent, func(prefix string) bool { return strings.HasPrefix(original, prefix) }) {
		return
	}
	switch {
	case isMetastream(stream) && parseRetention(r.data) != retention{}:
		v.find(position, stream, "it shortens a history that is permanent")
	case r.revision == deletedRevision:
		v.find(position, stream, "it deletes a history that is permanent")
	}
}

// lookUp holds both indexes against events.
func (v *verifier) lookUp(entries []entry) error {
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.stream, b.stream), cmp.Compare(a.revision, b.revision))
	})
	err := v.inIndex(revisionPrefix, entries, func(e entry) []byte { return revisionKey(e.stream, e.revision) },
		func(e entry, position uint64) error {
			if position != e.position {
				v.find(e.position, v.nameAt(e.position), "revision %d is indexed at position %d", e.revision, position)
			}
			return nil
		})
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.stream, b.stream), bytes.Compare(a.id[:], b.id[:]))
	})
	return v.inIndex(idPrefix, entries, func(e entry) []byte { return idKey(e.stream, e.id) },
		func(e entry, stored uint64) error {
			switch revision := int64(stored) - 1; {
			case revision > e.revision:
				v.superseded++
				return v.usedAgain(e, revision)
			case revision < e.revision:
				v.find(e.position, v.nameAt(e.position), "its id is indexed at revision %d, not %d", revision, e.revision)
			}
			return nil
		})
}

// inIndex looks entries up that are sorted as their keys are.
func (v *verifier) inIndex(prefix byte, entries []entry, keyOf func(entry) []byte, found func(entry, uint64) error) (err error) {
	it, err := v.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for _, e := range entries {
		key := keyOf(e)
		if !it.SeekGE(key) || !bytes.Equal(it.Key(), key) {
			if err := it.Error(); err != nil {
				return err
			}
			index := "revisions"
			if prefix == idPrefix {
				index = "ids"
			}
			v.find(e.position, v.nameAt(e.position), "the index of %s lacks revision %d", index, e.revision)
			continue
		}
		n, ok := wholeNumber(it.Value())
		if !ok {
			v.find(e.position, v.nameAt(e.position), "its entry in an index is no number")
			continue
		}
		if err := found(e, n); err != nil {
			return err
		}
	}
	return it.Error()
}

// usedAgain sees to it that a later event of the stream has the id of e.
func (v *verifier) usedAgain(e entry, revision int64) error {
	position, err := readNumber(v.db, revisionKey(e.stream, revision))
	if err != nil {
		return err
	}
	value, closer, err := v.db.Get(eventKey(position))
	if errors.Is(err, pebble.ErrNotFound) || err == nil && (len(value) < 16 || uuid.UUID(value[:16]) != e.id) {
		v.find(e.position, v.nameAt(e.position), "its id is indexed at revision %d, which is another event", revision)
	}
	if err != nil {
		if errors.Is(err, pebble.ErrNotFound) {
			return nil
		}
		return err
	}
	return closer.Close()
}

// names reads the names of streams: no two have one number.
func (v *verifier) names() error {
	count := uint64(0)
	err := v.scan(namePrefix, "names", func(key, value []byte) error {
		count++
		name := string(key[1:])
		number, ok := wholeNumber(value)
		if !ok || number == 0 {
			v.find(0, name, "the name has no number")
			return nil
		}
		if v.named.has(number) {
			v.find(0, name, "another name has its number, %d", number)
		}
		v.named.add(number)
		last, err := lastRevision(v.db, number, everything)
		if err == nil && last < 0 {
			v.find(0, name, "the name is interned, and no event is in the stream")
		}
		return err
	})
	return err
}

// ids counts the index by event id.
func (v *verifier) ids() error {
	return v.scan(idPrefix, "ids", func([]byte, []byte) error {
		v.inIDs++
		return nil
	})
}

// strays looks for entries of the indexes without their event. Every event has
// been looked up in both, so there are some only when there are too many.
func (v *verifier) strays() error {
	if v.inStreams != v.report.Events {
		err := v.scan(revisionPrefix, "entries without an event", func(key, value []byte) error {
			stream, revision, ok := revisionOf(key)
			position, whole := wholeNumber(value)
			if !ok || !whole {
				return nil // found before
			}
			return v.stray(entry{stream: stream, revision: revision, position: position}, nil)
		})
		if err != nil {
			return err
		}
	}
	if v.inIDs == v.report.Events-v.superseded {
		return nil
	}
	return v.scan(idPrefix, "entries without an event", func(key, value []byte) error {
		stored, ok := wholeNumber(value)
		if len(key) != len(idKey(0, uuid.UUID{})) || !ok {
			v.find(0, "", "%q is no entry of the index of ids", key)
			return nil
		}
		e := entry{revision: int64(stored) - 1}
		e.stream, _ = wholeNumber(key[1:9])
		var err error
		if e.position, err = readNumber(v.db, revisionKey(e.stream, e.revision)); err != nil {
			return err
		}
		return v.stray(e, key[9:])
	})
}

// stray finds fault with an entry unless its event is there, under its id if id is
// given.
func (v *verifier) stray(e entry, id []byte) error {
	value, closer, err := v.db.Get(eventKey(e.position))
	if errors.Is(err, pebble.ErrNotFound) {
		v.find(e.position, "", "revision %d of stream number %d is indexed there, and no event is", e.revision, e.stream)
		return nil
	}
	if err != nil {
		return err
	}
	r, ok := wholeRecord(value)
	if !ok {
		return closer.Close() // found before
	}
	number, err := readNumber(v.db, nameKey(string(r.stream)))
	if err != nil {
		return errors.Join(err, closer.Close())
	}
	if number != e.stream || r.revision != e.revision || id != nil && !bytes.Equal(id, r.id[:]) {
		v.find(e.position, string(r.stream), "an index calls the event revision %d of stream number %d, with another id perhaps; it is revision %d of %d",
			e.revision, e.stream, r.revision, number)
	}
	return closer.Close()
}

// An idSet is a set of stream numbers, which are dense: a bit each, in pages.
type idSet map[uint64]*[64]uint64

func (s idSet) page(n uint64) (page, word, bit uint64) { return n >> 12, n >> 6 & 63, 1 << (n & 63) }

func (s idSet) has(n uint64) bool {
	page, word, bit := s.page(n)
	p := s[page]
	return p != nil && p[word]&bit != 0
}

func (s *idSet) add(n uint64) {
	if *s == nil {
		*s = idSet{}
	}
	page, word, bit := s.page(n)
	if (*s)[page] == nil {
		(*s)[page] = new([64]uint64)
	}
	(*s)[page][word] |= bit
}
