package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"crm/eventstore/faulttest"
	"crm/eventstore/witness"
)

// TestAFolderCopiedWhileServed copies the folder of a node under writers with
// nothing but the file system, each copy in another order of files, as tools for
// backups and snapshots of machines do it. Opened elsewhere, a copy has the log up
// to some position, without a hole, or is refused with a reason.
func TestAFolderCopiedWhileServed(t *testing.T) {
	t.Parallel()
	faulttest.Run(t, faulttest.Sweep{Small: 5, Large: 50}, func(c *faulttest.Case) {
		journal := &witness.Journal{}
		writers := witness.NewWriters(journal, 8, c.Seed, witness.Load{Batch: 20, Bytes: 2000})
		data := c.TempDir()
		n, client := runNode(c.T, data), clientOf(c.T, data)
		var copies []string
		during(c.T, func() {
			for range 4 {
				time.Sleep(time.Duration(c.Rand.Int64N(int64(200 * time.Millisecond))))
				to := c.TempDir()
				copyFiles(c, filepath.Join(data, "events"), filepath.Join(to, "events"))
				copies = append(copies, to)
			}
		}, func(ctx context.Context) error { return writers.Run(ctx, client) })
		settle(c.T, journal, writers, client)
		client.Close()
		n.stop(syscall.SIGTERM)
		for _, data := range copies {
			n, refusal := tryNode(c.T, data)
			if refusal != "" {
				c.Logf("refused: %s", refusal)
				continue
			}
			client := clientOf(c.T, data)
			end, err := journal.HoldPrefix(c.Context(), client)
			if err != nil {
				c.Errorf("the copy: %v", err)
			}
			c.Logf("%d events of %d", end, journal.Log().Len())
			client.Close()
			n.stop(syscall.SIGTERM)
		}
	})
}

// copyFiles copies a folder's files in a random order. One that has gone meanwhile
// is not copied.
func copyFiles(c *faulttest.Case, from, to string) {
	c.Helper()
	if err := os.Mkdir(to, 0o700); err != nil {
		c.Fatal(err)
	}
	files, err := os.ReadDir(from)
	if err != nil {
		c.Fatal(err)
	}
	c.Rand.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	for _, f := range files {
		if f.Name() == "LOCK" { // of no use, and to close it here would give it away, were the node of this process
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, f.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			c.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, f.Name()), text, 0o600); err != nil {
			c.Fatal(err)
		}
	}
}
