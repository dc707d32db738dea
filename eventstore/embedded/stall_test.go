package embedded

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// A stuckDisk answers no sync while it is stuck.
type stuckDisk struct {
	vfs.FS
	mu sync.RWMutex
}

func newStuckDisk(fs vfs.FS) *stuckDisk {
	d := &stuckDisk{}
	d.FS = errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			d.mu.RLock() // for as long as it is stuck
			d.mu.RUnlock()
		default:
		}
		return nil
	}))
	return d
}

// TestAStuckDiskIsAPause: appends are refused, those that wait and those that come,
// reads go on, and when the disk answers again so does the node.
func TestAStuckDiskIsAPause(t *testing.T) {
	t.Parallel()
	for _, durability := range []Durability{Normal, Paranoid} {
		t.Run(fmt.Sprint(durability), func(t *testing.T) {
			t.Parallel()
			disk := newStuckDisk(vfs.NewMem())
			s := start(t, Config{Dir: "db", fs: disk, StallAfter: 100 * time.Millisecond, Durability: durability})
			kept := event("x")
			s.append(t, "a", esdb.NoStream{}, kept)
			for round := range 2 {
				disk.mu.Lock()
				e, stream := event("x"), fmt.Sprint("waits-", round)
				for range 2 { // the first is stuck, the second is refused at once
					_, err := s.client.AppendToStream(t.Context(), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, e)
					if code(err) != esdb.ErrorAborted {
						t.Fatalf("append to a stuck disk: %v, want aborted", err)
					}
				}
				if stats := s.Stats(); !stats.DiskStalled || stats.DiskFull {
					t.Errorf("the figures say %+v of a stuck disk", stats)
				}
				got, err := s.readStream(t.Context(), "a", esdb.Start{}, esdb.Forwards)
				if err != nil || len(got) != 1 {
					t.Errorf("read from a stuck disk: %d events, %v", len(got), err)
				}
				if got, err := s.readStream(t.Context(), stream, esdb.Start{}, esdb.Forwards); code(err) != esdb.ErrorCodeResourceNotFound {
					t.Errorf("what was not acknowledged can be read: %d events, %v", len(got), err)
				}
				disk.mu.Unlock()
				for { // the node notices at its own pace
					r, err := s.client.AppendToStream(t.Context(), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, e)
					if err == nil {
						if r.NextExpectedVersion != 0 {
							t.Errorf("sent again it is at revision %d", r.NextExpectedVersion)
						}
						break
					}
					if code(err) != esdb.ErrorAborted {
						t.Fatal(err)
					}
				}
				if got, err := s.readStream(t.Context(), stream, esdb.Start{}, esdb.Forwards); err != nil || len(got) != 1 {
					t.Errorf("stored %d times, %v", len(got), err)
				}
			}
			if err := s.Err(); err != nil {
				t.Errorf("the node failed: %v", err)
			}
		})
	}
}

// TestAStuckDiskCanBeClosed: Close does not wait for a disk that may never answer.
func TestAStuckDiskCanBeClosed(t *testing.T) {
	t.Parallel()
	disk := newStuckDisk(vfs.NewMem())
	n, err := Open(Config{Dir: "db", fs: disk, StallAfter: 100 * time.Millisecond, CloseTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	disk.mu.Lock()
	defer disk.mu.Unlock()
	if err := (&journal{}).write(t.Context(), n, "a", -1, nil); !errors.Is(err, errStalled) {
		t.Errorf("append: %v", err)
	}
	if err := n.Close(); !errors.Is(err, errStalled) {
		t.Errorf("Close: %v", err)
	}
}
