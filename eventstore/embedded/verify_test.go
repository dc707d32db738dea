package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// eventful is a store in which everything has happened that may happen to streams:
// 20 events in s and t, one id used twice, metadata, a soft delete undone, one that
// stands, tombstones of a stream with events and of one without.
func eventful(t *testing.T) *service {
	t.Helper()
	s := start(t, Config{})
	for i := range 10 {
		s.append(t, "s", esdb.Any{}, event("a"))
		s.append(t, "t", esdb.Any{}, event(fmt.Sprint("b", i)))
	}
	twice := event("twice")
	s.append(t, "again", esdb.NoStream{}, twice)
	s.append(t, "again", esdb.Revision(0), event("between"))
	s.append(t, "again", esdb.Revision(1), twice)
	meta := esdb.StreamMetadata{}
	meta.SetMaxCount(2)
	if _, err := s.client.SetStreamMetadata(t.Context(), "again", esdb.AppendToStreamOptions{}, meta); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"back", "gone"} {
		s.append(t, name, esdb.NoStream{}, event("a"))
		if _, err := s.client.DeleteStream(t.Context(), name, esdb.DeleteStreamOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s.append(t, "back", esdb.NoStream{}, event("b"))
	s.append(t, "dead", esdb.NoStream{}, event("a"))
	for _, name := range []string{"dead", "never"} {
		if _, err := s.client.TombstoneStream(t.Context(), name, esdb.TombstoneStreamOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// checked is what Check finds in what is served.
func (s *service) checked(t *testing.T, cfg CheckConfig) Report {
	t.Helper()
	frozen, err := FreezeServed(t.Context(), s.socket())
	if err != nil {
		t.Fatal(err)
	}
	report, err := Check(t.Context(), frozen.Dir, cfg)
	if err := errors.Join(err, frozen.Close()); err != nil {
		t.Fatal(err)
	}
	return report
}

func TestAWholeStoreHasNoDamage(t *testing.T) {
	t.Parallel()
	s := eventful(t)
	last := 0
	report := s.checked(t, CheckConfig{Permanent: []string{"s", "t"}, Progress: func(Progress) { last++ }})
	if report.Damages != 0 || report.Loss.What != "" {
		t.Errorf("%v, %q", report.Findings, report.Loss.What)
	}
	if report.Position != s.Stats().Position || report.Events != report.Position || report.Streams < 8 || report.Bytes == 0 || last == 0 {
		t.Errorf("%+v, %d steps", report, last)
	}
	dir := s.cfg.Dir
	if _, err := CheckStopped(t.Context(), dir, CheckConfig{}); !errors.Is(err, ErrInUse) {
		t.Errorf("checked as stopped while it is served: %v", err)
	}
	s.stop(t)
	again, err := CheckStopped(t.Context(), dir, CheckConfig{})
	if err != nil || again.Damages != 0 || again.Events != report.Events || again.Streams != report.Streams {
		t.Errorf("stopped: %+v, %v; served: %+v", again, err, report)
	}
}

// Every damage that the keys can have is found, and named.
func TestEveryDamageIsFound(t *testing.T) {
	t.Parallel()
	numberIn := func(t *testing.T, n *Node, stream string) uint64 {
		t.Helper()
		id, err := readNumber(n.db, nameKey(stream))
		if err != nil || id == 0 {
			t.Fatal(id, err)
		}
		return id
	}
	at := func(t *testing.T, n *Node, position uint64) []byte {
		t.Helper()
		value, closer, err := n.db.Get(eventKey(position))
		if err != nil {
			t.Fatal(err)
		}
		defer closer.Close()
		return append([]byte{}, value...)
	}
	for _, c := range []struct {
		name   string
		cfg    CheckConfig
		damage func(*testing.T, *Node, *pebble.Batch)
		want   string // of the first finding
	}{
		{name: "an entry of the index of revisions is gone", damage: func(t *testing.T, n *Node, b *pebble.Batch) {
			t.Helper()
			_ = b.Delete(revisionKey(numberIn(t, n, "s"), 3), nil)
		}, want: "position 7, stream s: the index of revisions lacks revision 3"},
		{name: "the last entry of the index of revisions is gone", damage: func(t *testing.T, n *Node, b *pebble.Batch) {
			t.Helper()
			_ = b.Delete(revisionKey(numberIn(t, n, "s"), 9), nil)
		}, want: "position 19, stream s: the index of revisions lacks revision 9"},
		{name: "an entry of the index of ids is gone", damage: func(t *testing.T, n *Node, b *pebble.Batch) {
			t.Helper()
			_ = b.Delete(idKey(numberIn(t, n, "s"), uuid.UUID(at(t, n, 7)[:16])), nil)
		}, want: "position 7, stream s: the index of ids lacks revision 3"},
		{name: "an id is indexed at another revision", damage: func(t *testing.T, n *Node, b *pebble.Batch) {
			t.Helper()
			_ = b.Set(idKey(numberIn(t, n, "s"), uuid.UUID(at(t, n, 7)[:16])), number(3), nil)
		}, want: "position 7, stream s: its id is indexed at revision 2, not 3"},
		{name: "an id is indexed at a later revision", damage: func(t *testing.T, n *Node, b *pebble.Batch) {
			t.Helper()
			_ = b.Set(idKey(numberIn(t, n, "s"), uuid.UUID(at(t, n, 7)[:16])), number(6), nil)
		}, want: "position 7, stream s: its id is indexed at revision 5, which is another event"},
		{name: "an event is gone", damage: func(_ *testing.T, _ *Node, b *pebble.Batch) {
			_ = b.Delete(eventKey(7), nil)
		}, want: "position 7: no event is there; the next is at position 8"},
		{name: "two events are swapped", damage: func(t *testing.T, n *Node, b *pebble.Batch) {
			t.Helper()
			_ = b.Set(eventKey(7), at(t, n, 8), nil)
			_ = b.Set(eventKey(8), at(t, n, 7), nil)
		}, want: "position 7, stream t: the event says that it is at position 8"},
		{name: "two positions are swapped", damage: func(t *testing.T, n *Node, b *pebble.Batch) {
			t.Helper()
			_ = b.Set(revisionKey(numberIn(t, n, "s"), 3), number(9), nil)
			_ = b.Set(revisionKey(numberIn(t, n, "s"), 4), number(7), nil)
		}, want: "position 7, stream s: revision 3 is indexed at position 9"},
		{name: "a revision is missing in both", damage: func(t *testing.T, n *Node, b *pebble.Batch) {
			t.Helper()
			id := numberIn(t, n, "s")
			_ = b.Delete(idKey(id, uuid.UUID(at(t, n, 19)[:16])), nil)
			_ = b.Delete(revisionKey(id, 9), nil)
			r, _ := parseRecord(at(t, n, 19), true)
			p := proposal{id: r.id, kind: "a"}
			_ = b.Set(eventKey(19), appendRecord(nil, "s", 10, 19, r.created, &p), nil)
			_ = b.Set(revisionKey(id, 10), number(19), nil)
			_ = b.Set(idKey(id, r.id), number(11), nil)
		}, want: "position 19, stream s: revision 9 is missing, the next is 10"},
		{name: "an entry too many, by revision", damage: func(t *testing.T, n *Node, b *pebble.Batch) {
			t.Helper()
			_ = b.Set(revisionKey(numberIn(t, n, "s"), 10), number(7), nil)
		}, want: "position 7, stream s: revision 10 is not behind what the stream has at position 19"},
		{name: "a stream has two events in the wrong order", damage: func(t *testing.T, n *Node, b *pebble.Batch) {
			t.Helper()
			id := numberIn(t, n, "s")
			for position, revision := range map[uint64]int64{7: 4, 9: 3} {
				r, _ := parseRecord(at(t, n, position), true)
				p := proposal{id: r.id, kind: "a"}
				_ = b.Set(eventKey(position), appendRecord(nil, "s", revision, position, r.created, &p), nil)
				_ = b.Set(revisionKey(id, revision), number(position), nil)
				_ = b.Set(idKey(id, r.id), number(uint64(revision)+1), nil)
			}
		}, want: "position 7, stream s: revision 4 is not behind what the stream has at position 9"},
		{name: "an entry too many, by id", damage: func(t *testing.T, n *Node, b *pebble.Batch) {
			t.Helper()
			_ = b.Set(idKey(numberIn(t, n, "s"), uuid.New()), number(4), nil)
		}, want: "position 7, stream s: an index calls the event revision 3"},
		{name: "a name is gone", damage: func(_ *testing.T, _ *Node, b *pebble.Batch) {
			_ = b.Delete(nameKey("s"), nil)
		}, want: "position 1, stream s: the name has no number"},
		{name: "a second name", damage: func(t *testing.T, n *Node, b *pebble.Batch) {
			t.Helper()
			_ = b.Set(nameKey("z"), number(numberIn(t, n, "s")), nil)
		}, want: "stream z: another name has its number"},
		{name: "a name without a stream", damage: func(_ *testing.T, _ *Node, b *pebble.Batch) {
			_ = b.Set(nameKey("z"), number(99), nil)
		}, want: "stream z: the name is interned, and no event is in the stream"},
		{name: "an event of noise", damage: func(_ *testing.T, _ *Node, b *pebble.Batch) {
			_ = b.Set(eventKey(7), []byte("noise"), nil)
		}, want: "position 7: the event cannot be read"},
		{
			name: "a permanent stream is shortened", cfg: CheckConfig{Permanent: []string{"again"}},
			damage: func(*testing.T, *Node, *pebble.Batch) {}, want: "stream $$again: it shortens a history that is permanent",
		},
		{
			name: "a permanent stream is deleted", cfg: CheckConfig{Permanent: []string{"never"}},
			damage: func(*testing.T, *Node, *pebble.Batch) {}, want: "stream never: it deletes a history that is permanent",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := eventful(t)
			b := s.db.NewBatch()
			c.damage(t, s.Node, b)
			if err := b.Commit(pebble.Sync); err != nil {
				t.Fatal(err)
			}
			report := s.checked(t, c.cfg)
			if report.Damages == 0 || !strings.Contains(report.Findings[0].String(), c.want) {
				t.Errorf("%v, want first %q", report.Findings, c.want)
			}
		})
	}
}

func TestADamagedTableIsFound(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	s.append(t, "s", esdb.NoStream{}, eventsOf("a", 500)...)
	frozen, err := s.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = frozen.Close() })
	dir := filepath.Join(t.TempDir(), "backup")
	if _, err := Backup(t.Context(), frozen, dir, nil); err != nil { // flip bits in a copy
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, eventsFolder, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	flip(t, tables[len(tables)-1], 1000)
	report, err := Check(t.Context(), filepath.Join(dir, eventsFolder), CheckConfig{})
	if err != nil || report.Damages == 0 || !strings.Contains(report.Findings[0].String(), filepath.Base(tables[len(tables)-1])) {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestAFloorWithoutADatabase is a store whose files are gone but for one: that is
// no empty folder, and what was promised is known.
func TestAFloorWithoutADatabase(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	s.append(t, "a", esdb.NoStream{}, eventsOf("x", 3)...)
	dir := s.cfg.Dir
	s.stop(t)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == floorFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	if there, err := Exists(dir); !there || err != nil {
		t.Errorf("it exists: %v, %v", there, err)
	}
	report, err := CheckStopped(t.Context(), dir, CheckConfig{})
	if err != nil || report.Loss.What == "" || report.Loss.Promised != 3 || report.Loss.Found != 0 {
		t.Errorf("checked: %+v, %v", report, err)
	}
	if _, err := Open(Config{Dir: dir}); !errors.Is(err, ErrWentBack) {
		t.Errorf("opened: %v", err)
	}
	if loss, err := AcceptLoss(Config{Dir: dir}); err != nil || loss != report.Loss {
		t.Errorf("accepted: %+v, %v", loss, err)
	}
	if report, err = CheckStopped(t.Context(), dir, CheckConfig{}); err != nil || report.Loss.What != "" || report.Damages != 0 {
		t.Errorf("checked afterwards: %+v, %v", report, err)
	}
}
