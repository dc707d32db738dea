package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// fill appends events to stream "a", one by one, behind those it has.
func fill(t *testing.T, n *Node, events int) {
	t.Helper()
	h, err := loadHead(n.db, "a", everything)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if err := (&journal{}).write(t.Context(), n, "a", h.last+int64(i), make([]byte, 500)); err != nil {
			t.Fatal(err)
		}
	}
}

// filled is the folder of a store that was closed with so many events.
func filled(t *testing.T, events int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	more(t, dir, events)
	return dir
}

// more opens a store, appends and closes it.
func more(t *testing.T, dir string, events int) {
	t.Helper()
	n, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, n, events)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// contents is what is in a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func newestLog(t *testing.T, dir string) string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	return slices.Max(logs)
}

func patch(t *testing.T, name string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func opens(t *testing.T, dir string, position uint64) {
	t.Helper()
	n, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if s := n.Stats(); s.Position != position || s.Floor != position {
		t.Errorf("opened at position %d with floor %d, want both %d", s.Position, s.Floor, position)
	}
	checkWhole(t, n)
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

// TestAStoreThatWentBackIsRefused damages the folder of a store that was closed
// with 50 events in every way the floor is there for. It must not open, must be
// left as it is, and open once the loss was accepted.
func TestAStoreThatWentBackIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		loss   Loss // but for What
	}{
		"the log lost its tail": {func(t *testing.T, dir string) {
			t.Helper()
			patch(t, newestLog(t, dir), func(b []byte) []byte { return b[:len(b)-2000] })
		}, Loss{Promised: 50, Found: 47}},
		"a bit flipped near the end of the log": {func(t *testing.T, dir string) {
			t.Helper()
			patch(t, newestLog(t, dir), func(b []byte) []byte { b[len(b)-1500] ^= 4; return b })
		}, Loss{Promised: 50, Found: 47}},
		"the floor of a later day": {func(t *testing.T, dir string) {
			t.Helper()
			later := copied(t, dir)
			more(t, later, 7)
			patch(t, filepath.Join(dir, floorFile), func([]byte) []byte { return []byte(contents(t, later)[floorFile]) })
		}, Loss{Promised: 57, Found: 50}},
		"a backup that took other events since": {func(t *testing.T, dir string) {
			t.Helper()
			later := copied(t, dir)
			more(t, later, 7)
			more(t, dir, 20)
			patch(t, filepath.Join(dir, floorFile), func([]byte) []byte { return []byte(contents(t, later)[floorFile]) })
		}, Loss{Promised: 57, Found: 70}},
		"another store": {func(t *testing.T, dir string) {
			t.Helper()
			patch(t, filepath.Join(dir, floorFile), func([]byte) []byte { return []byte(contents(t, filled(t, 9))[floorFile]) })
		}, Loss{Promised: 9, Found: 50}},
		"no floor": {func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, floorFile)); err != nil {
				t.Fatal(err)
			}
		}, Loss{Found: 50}},
		"a floor of zeros": {func(t *testing.T, dir string) {
			t.Helper()
			patch(t, filepath.Join(dir, floorFile), func(b []byte) []byte { return make([]byte, len(b)) })
		}, Loss{Found: 50}},
		"a floor cut off": {func(t *testing.T, dir string) {
			t.Helper()
			patch(t, filepath.Join(dir, floorFile), func(b []byte) []byte { return b[:markSize-1] })
		}, Loss{Found: 50}},
		"nothing but the floor": {func(t *testing.T, dir string) {
			t.Helper()
			for file := range contents(t, dir) {
				if file == floorFile {
					continue
				}
				if err := os.Remove(filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
			}
		}, Loss{Promised: 50}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filled(t, 50)
			c.damage(t, dir)
			before := contents(t, dir)
			for range 2 { // refused is refused
				n, err := Open(Config{Dir: dir})
				if err == nil {
					_ = n.Close()
					t.Fatal("opened")
				}
				if !errors.Is(err, ErrWentBack) {
					t.Fatalf("refused with %v, want ErrWentBack", err)
				}
				t.Log(err)
			}
			after := contents(t, dir)
			if _, ok := before["LOCK"]; !ok {
				delete(after, "LOCK")
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the refused store was changed: %.500s", diff)
			}
			loss, err := AcceptLoss(Config{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if loss.What == "" || loss.Promised != c.loss.Promised || loss.Found != c.loss.Found {
				t.Errorf("accepted %+v, want %+v", loss, c.loss)
			}
			opens(t, dir, c.loss.Found)
			more(t, dir, 3)
			opens(t, dir, c.loss.Found+3)
		})
	}
}

// TestOneTornMarkIsNoLoss breaks either block of a floor, as a crash in the middle
// of a write does.
func TestOneTornMarkIsNoLoss(t *testing.T) {
	t.Parallel()
	for block := range floorBlocks {
		t.Run(fmt.Sprint(block), func(t *testing.T) {
			t.Parallel()
			dir := filled(t, 20)
			patch(t, filepath.Join(dir, floorFile), func(b []byte) []byte { b[block*floorBlock+30] ^= 1; return b })
			opens(t, dir, 20)
			marks, err := readFloor(dir, vfs.Default)
			if err != nil || len(marks) != floorBlocks {
				t.Errorf("%d marks are whole after the next start, %v; want %d", len(marks), err, floorBlocks)
			}
		})
	}
}

// TestTheOlderMarkHoldsToo: with the newer mark torn, what the older one knew is
// still not given up.
func TestTheOlderMarkHoldsToo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n, err := Open(Config{Dir: dir, Durability: Paranoid})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, n, 20)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	marks, err := readFloor(dir, vfs.Default)
	if err != nil || len(marks) != 2 || marks[0].position != 20 || marks[1].position != 19 {
		t.Fatalf("marks %v, %v", marks, err)
	}
	patch(t, filepath.Join(dir, floorFile), func(b []byte) []byte { b[marks[0].block*floorBlock] ^= 1; return b })
	lacking := copied(t, dir)
	patch(t, newestLog(t, lacking), func(b []byte) []byte { return b[:len(b)/2] })
	if n, err := Open(Config{Dir: lacking}); !errors.Is(err, ErrWentBack) {
		t.Errorf("a store that ends before its older mark: %v, want ErrWentBack", err)
		if err == nil {
			_ = n.Close()
		}
	}
	opens(t, dir, 20)
}

// TestAStoreAboveItsFloorOpens: what was acknowledged after the last mark is there
// as well, and the floor is raised to it.
func TestAStoreAboveItsFloorOpens(t *testing.T) {
	t.Parallel()
	dir := filled(t, 20)
	floor := contents(t, dir)[floorFile]
	more(t, dir, 30)
	patch(t, filepath.Join(dir, floorFile), func([]byte) []byte { return []byte(floor) })
	opens(t, dir, 50)
}

// TestAStoreFromBeforeFloorsGetsOne opens what a program without floors left.
func TestAStoreFromBeforeFloorsGetsOne(t *testing.T) {
	t.Parallel()
	dir := filled(t, 20)
	n, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.db.Delete(storeKey("floor"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, floorFile)); err != nil {
		t.Fatal(err)
	}
	opens(t, dir, 20)
	opens(t, dir, 20)
	if err := os.Remove(filepath.Join(dir, floorFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}); !errors.Is(err, ErrWentBack) {
		t.Errorf("without the floor that it got: %v, want ErrWentBack", err)
	}
}

// TestAcceptLossOfNothing leaves a store as it is, and one that runs alone.
func TestAcceptLossOfNothing(t *testing.T) {
	t.Parallel()
	dir := filled(t, 5)
	before := contents(t, dir)
	if loss, err := AcceptLoss(Config{Dir: dir}); err != nil || loss != (Loss{}) {
		t.Errorf("accepted %+v, %v", loss, err)
	}
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Errorf("it was changed: %.500s", diff)
	}
	n, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	if _, err := AcceptLoss(Config{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("of a store in use: %v, want ErrInUse", err)
	}
}

// TestAnAcceptedLossIsAnotherStore: positions are given out again to other events,
// so nobody may take the one for the other.
func TestAnAcceptedLossIsAnotherStore(t *testing.T) {
	t.Parallel()
	instance := func(dir string) (id uuid.UUID) {
		n, err := Open(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		id = n.floor.instance
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		return id
	}
	dir := filled(t, 20)
	before := instance(dir)
	if again := instance(dir); again != before || before == uuid.Nil {
		t.Errorf("the store is %s, then %s", before, again)
	}
	if err := os.Remove(filepath.Join(dir, floorFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := AcceptLoss(Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if after := instance(dir); after == before {
		t.Error("the store has another history under the same name")
	}
}

// TestTheFloorFollows: it is raised behind the horizon, after enough events at
// once and after a while anyway.
func TestTheFloorFollows(t *testing.T) {
	t.Parallel()
	n, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	for _, events := range []int{floorEvents, 1} {
		batch := make([]proposal, events)
		for i := range batch {
			batch[i].id = uuid.New()
		}
		o, err := n.submit(t.Context(), &request{stream: "a", expected: expectAny, events: batch})
		if err != nil {
			t.Fatal(err)
		}
		for n.Stats().Floor < o.position {
			if t.Context().Err() != nil {
				t.Fatal("the floor stays behind")
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// TestParanoidNoticesEveryLoss looks at the floor at each acknowledgement, then
// takes the last event from a copy as kill -9 would leave it.
func TestParanoidNoticesEveryLoss(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n, err := Open(Config{Dir: dir, Durability: Paranoid})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	for i := range 30 {
		fill(t, n, 1)
		if s := n.Stats(); s.Floor != s.Position || s.Position != uint64(i+1) {
			t.Fatalf("acknowledged %d; floor %d", s.Position, s.Floor)
		}
	}
	killed := copied(t, dir)
	opens(t, copied(t, killed), 30)
	patch(t, newestLog(t, killed), func(b []byte) []byte { return b[:len(b)-1] })
	if _, err := Open(Config{Dir: killed}); !errors.Is(err, ErrWentBack) {
		t.Errorf("without the last event: %v, want ErrWentBack", err)
	}
}

// Of a folder that was copied without the file that a database begins with, a new
// database would remove the rest. It is refused as it is, with a floor and without.
func TestADatabaseWithoutItsBeginningIsLeftAlone(t *testing.T) {
	t.Parallel()
	whole := filled(t, 10)
	for _, missing := range [][]string{
		{"marker.manifest.*"},
		{"marker.manifest.*", floorFile},
		{"marker.*", "MANIFEST-*", "OPTIONS-*", floorFile},
	} {
		dir := copied(t, whole)
		for _, pattern := range append(missing, "LOCK") {
			names, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(names) == 0 {
				t.Fatalf("%s: %v, %v", pattern, names, err)
			}
			for _, name := range names {
				remove(t, name)
			}
		}
		before := contents(t, dir)
		if there, err := Exists(dir); err != nil || !there {
			t.Errorf("%v: there is a store: %t, %v", missing, there, err)
		}
		if n, err := Open(Config{Dir: dir}); !errors.Is(err, errDamaged) {
			t.Errorf("%v: opened: %v, %v", missing, n, err)
		}
		if _, err := AcceptLoss(Config{Dir: dir}); !errors.Is(err, errDamaged) {
			t.Errorf("%v: accepted: %v", missing, err)
		}
		if report, err := CheckStopped(t.Context(), dir, CheckConfig{}); err != nil || report.Damages != 1 {
			t.Errorf("%v: checked: %+v, %v", missing, report, err)
		}
		after := contents(t, dir)
		delete(after, "LOCK")
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%v: the folder was changed: %s", missing, diff)
		}
	}
}
