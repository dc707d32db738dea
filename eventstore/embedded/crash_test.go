package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

// A journal is what the writers were told: the truth that a recovered store is
// held against.
type journal struct {
	mu    sync.Mutex
	acked []ack
}

type ack struct {
	stream   string
	revision int64
	position uint64
	id       uuid.UUID
}

// write appends one event at the revision that the caller knows, and notes what
// was acknowledged.
func (j *journal) write(ctx context.Context, n *Node, stream string, expected int64, data []byte) error {
	id := uuid.New()
	o, err := n.submit(ctx, &request{
		stream: stream, expected: expected, size: len(data), events: []proposal{{id: id, kind: "x", data: data}},
	})
	if err != nil {
		return err
	}
	if o.verdict != accepted || o.current != expected+1 {
		return fmt.Errorf("%s after %d: %+v", stream, expected, o)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.acked = append(j.acked, ack{stream, o.current, o.position, id})
	return nil
}

// check holds a store against the journal and against itself: every event is
// where it was acknowledged, positions and revisions have no gaps, and all three
// indexes agree.
func (j *journal) check(t *testing.T, n *Node) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, a := range j.acked {
		h, err := loadHead(n.db, a.stream, everything)
		if err != nil || h.last < a.revision {
			t.Errorf("lost: %s@%d, acknowledged at %d (stream ends at %d, %v)", a.stream, a.revision, a.position, h.last, err)
			continue
		}
		err = readEvent(n.db, h.id, a.revision, func(position uint64, value []byte) error {
			if position != a.position || uuid.UUID(value[:16]) != a.id {
				t.Errorf("%s@%d is another event, at %d; want %d", a.stream, a.revision, position, a.position)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s@%d: %v", a.stream, a.revision, err)
		}
	}
	checkWhole(t, n)
}

func checkWhole(t *testing.T, n *Node) {
	t.Helper()
	it, err := n.db.NewIter(&pebble.IterOptions{LowerBound: eventKey(0), UpperBound: []byte{eventPrefix + 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = it.Close() }()
	next, last := map[string]int64{}, uint64(0)
	for ok := it.First(); ok; ok = it.Next() {
		position, _ := positionOf(it.Key())
		r, err := parseRecord(it.Value(), true)
		if err != nil {
			t.Fatalf("event at %d: %v", position, err)
		}
		stream := string(r.stream)
		if position != last+1 || r.revision != next[stream] {
			t.Errorf("%s@%d at %d; want revision %d at %d", stream, r.revision, position, next[stream], last+1)
		}
		last, next[stream] = position, r.revision+1
		h, err := loadHead(n.db, stream, everything)
		if err != nil {
			t.Fatal(err)
		}
		at, err := readNumber(n.db, revisionKey(h.id, r.revision))
		if err != nil || at != position {
			t.Errorf("%s@%d is indexed at %d, %v; is at %d", stream, r.revision, at, err, position)
		}
		revision, known, err := revisionOfID(n.db, h.id, r.id)
		if err != nil || !known || revision != r.revision {
			t.Errorf("the id of %s@%d is indexed as revision %d (%v), %v", stream, r.revision, revision, known, err)
		}
	}
	if err := it.Error(); err != nil {
		t.Error(err)
	}
	if got := n.horizon.position.Load(); got != last {
		t.Errorf("horizon %d, log ends at %d", got, last)
	}
}

// run has writers append to streams of their own until ctx ends or the node refuses.
func (j *journal) run(ctx context.Context, n *Node, writers int, data func() []byte) *sync.WaitGroup {
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for revision := int64(-1); ctx.Err() == nil; revision++ {
				if err := j.write(ctx, n, fmt.Sprint("s", w), revision, data()); err != nil {
					return
				}
			}
		})
	}
	return &wg
}

// TestACrashLosesNothingAcknowledged crashes a node under load, at a random point
// and with a random part of what was not synced on disk, and opens what is left.
// What readers could see must be there as well.
func TestACrashLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	seeds := 8
	if testing.Short() {
		seeds = 3
	}
	for range seeds {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			crash(t, seed)
		})
	}
}

func crash(t *testing.T, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	fs := vfs.NewCrashableMem()
	cfg := Config{Dir: "db", MemTableBytes: 64 << 10, Durability: Durability(seed % 2), fs: fs}
	j := &journal{}
	for round := range 2 { // the second crash is that of a store that has been recovered
		n, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		j.check(t, n)
		prefix := fmt.Sprint("r", round, "-")
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for w := range 4 {
			size := rng.IntN(2000)
			wg.Go(func() {
				for revision := int64(-1); ctx.Err() == nil; revision++ {
					if j.write(ctx, n, fmt.Sprint(prefix, w), revision, make([]byte, size)) != nil {
						return
					}
				}
			})
		}
		if err := reach(t.Context(), n, n.horizon.position.Load()+uint64(rng.IntN(800))); err != nil {
			t.Fatal(err)
		}
		j.mu.Lock() // nothing is acknowledged between the look and the crash
		visible := n.horizon.position.Load()
		after := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 25 * rng.IntN(5), RNG: rng})
		kept := slices.Clone(j.acked)
		j.mu.Unlock()
		cancel()
		wg.Wait()
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		j.acked, cfg.fs, fs = kept, after, after
		n, err = Open(cfg)
		if err != nil {
			t.Fatalf("after the crash: %v", err)
		}
		if got := n.horizon.position.Load(); got < visible {
			t.Errorf("the log ends at %d, readers had seen %d", got, visible)
		}
		j.check(t, n)
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAFailedSyncIsTheEnd fails one sync of the log file and nothing else. Pebble
// goes on after that; the node must not. TestAFullDiskIsAPause takes the space
// away under load and gives it back. TestLogFilesTellDamageFromATornEnd looks at
// the very first session of a store, then damages the middle of a log file that
// was synced: the store must not open as if nothing were missing.
func TestLogFilesTellDamageFromATornEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if encoding, err := logEncoding(dir, vfs.Default); err != nil || encoding < 9 {
		t.Errorf("the first session writes its log in encoding %d, %v; want 9 or more", encoding, err)
	}
	j := &journal{}
	for i := range 200 {
		if err := j.write(t.Context(), n, "a", int64(i)-1, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(t.TempDir(), "copy") // as kill -9 would leave it
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(copied, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	name := slices.Max(logs)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[50_000] ^= 1
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	n, err = Open(Config{Dir: copied})
	if err == nil {
		t.Errorf("opened with %d of 200 events", n.horizon.position.Load())
		_ = n.Close()
	}
}

func TestAnotherFormatIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.db.Set(storeKey("format"), number(storeFormat+1), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := Open(Config{Dir: dir}); err == nil {
		t.Error("opened")
		_ = n.Close()
	}
}

// TestKill9 has another process hold a store and append to it, says which process
// that is, kills it, and finds all that it had acknowledged.
func TestKill9(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if v := os.Getenv("EMBEDDED_TEST_STORE"); v != "" {
		appendForEver(v)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill9$")
	cmd.Env = append(os.Environ(), "EMBEDDED_TEST_STORE="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	acked := -1
	for acked < 200 && lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "acked %d", &acked); err != nil {
			t.Fatalf("the other process said %q", lines.Text())
		}
	}
	_, err = Open(Config{Dir: dir})
	if want := fmt.Sprintf("(process %d)", cmd.Process.Pid); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), want) {
		t.Errorf("Open of a store in use: %v; want %s", err, want)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // what it said before it died
		_, _ = fmt.Sscanf(lines.Text(), "acked %d", &acked)
	}
	_ = cmd.Wait()
	n, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	h, err := loadHead(n.db, "a", everything)
	if err != nil || h.last < int64(acked) {
		t.Errorf("the stream ends at %d, %v; %d was acknowledged", h.last, err, acked)
	}
	checkWhole(t, n)
}

func appendForEver(dir string) {
	n, err := Open(Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	j := &journal{}
	for revision := int64(-1); ; revision++ {
		if err := j.write(context.Background(), n, "a", revision, make([]byte, 100)); err != nil {
			fmt.Println(err)
			return
		}
		if _, err := io.WriteString(os.Stdout, fmt.Sprintf("acked %d\n", revision+1)); err != nil {
			return
		}
	}
}

// TestAnyFailedCallLosesNothing fails the n-th call that changes the disk, once
// or from then on, wherever it falls: while the store is created, in the log, in
// a table, in the manifest, while it is closed.
