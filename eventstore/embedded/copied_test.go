package embedded

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"crm/eventstore/faulttest"
)

// TestACopyOfARunningStoreHasNoHole copies the folder of a store file by file, in
// any order and slowly, while logs are rotated and tables made, compacted and
// deleted. What opens is the log up to some position; all else is refused.
func TestACopyOfARunningStoreHasNoHole(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 20, Large: 200}, func(c *faulttest.Case) {
		dir, copied := c.TempDir(), filepath.Join(c.TempDir(), "copy")
		n, err := Open(Config{Dir: dir, MemTableBytes: minMemTable << c.Rand.IntN(5)})
		if err != nil {
			c.Fatal(err)
		}
		j := &journal{}
		ctx, enough := context.WithCancel(c.Context())
		defer enough()
		size := 100 + c.Rand.IntN(2000)
		writers := j.run(ctx, n, 4, func() []byte { return make([]byte, size) })
		if err := reach(ctx, n, uint64(c.Rand.IntN(500))); err != nil {
			c.Fatal(err)
		}
		pace := 1 + c.Rand.IntN(200)
		copyWhile(c, dir, copied, func() error {
			return reach(ctx, n, n.horizon.position.Load()+uint64(c.Rand.IntN(pace)))
		})
		enough()
		writers.Wait()

		other, err := Open(Config{Dir: copied, MemTableBytes: minMemTable})
		if err != nil {
			c.Logf("refused: %v", err)
		} else {
			c.Logf("%d events of %d", other.horizon.position.Load(), n.horizon.position.Load())
			checkWhole(c.T, other)
			checkPrefix(c.T, n, other)
			if err := other.Close(); err != nil {
				c.Error(err)
			}
		}
		if err := n.Close(); err != nil {
			c.Error(err)
		}
	})
}

// copyWhile copies files in a random order, and calls pause between them. One that
// has gone meanwhile is not copied; what has come, if it looks again, is.
func copyWhile(c *faulttest.Case, from, to string, pause func() error) {
	c.Helper()
	if err := os.Mkdir(to, 0o700); err != nil {
		c.Fatal(err)
	}
	seen := map[string]bool{"LOCK": true} // to close that would give the lock away
	for looks := 1 + c.Rand.IntN(4); looks > 0; looks-- {
		files, err := os.ReadDir(from)
		if err != nil {
			c.Fatal(err)
		}
		c.Rand.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		for _, f := range files {
			if seen[f.Name()] {
				continue
			}
			seen[f.Name()] = true
			text, err := os.ReadFile(filepath.Join(from, f.Name()))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err := errors.Join(err, os.WriteFile(filepath.Join(to, f.Name()), text, 0o600), pause()); err != nil {
				c.Fatal(err)
			}
		}
	}
}

// checkPrefix compares every event of a store with that of another at the same
// position.
func checkPrefix(t *testing.T, whole, prefix *Node) {
	t.Helper()
	it, err := prefix.db.NewIter(&pebble.IterOptions{LowerBound: eventKey(0), UpperBound: []byte{eventPrefix + 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = it.Close() }()
	for ok := it.First(); ok; ok = it.Next() {
		value, closer, err := whole.db.Get(it.Key())
		if err != nil {
			t.Fatalf("the copy has %x: %v", it.Key(), err)
		}
		if !bytes.Equal(value, it.Value()) {
			t.Fatalf("another event under %x", it.Key())
		}
		_ = closer.Close()
	}
	if err := it.Error(); err != nil {
		t.Error(err)
	}
}
