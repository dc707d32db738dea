package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func TestAFailedSyncIsTheEnd(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	var armed atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if sync && strings.HasSuffix(op.Path, ".log") && armed.CompareAndSwap(true, false) {
			return syscall.EIO
		}
		return nil
	}))
	n, err := Open(Config{Dir: "db", fs: fs})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, n)
	j := &journal{}
	wg := j.run(t.Context(), n, 4, func() []byte { return []byte("x") })
	if err := reach(t.Context(), n, 100); err != nil {
		t.Fatal(err)
	}
	armed.Store(true)
	wg.Wait() // every writer was refused
	<-n.Done()
	if err := n.Err(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Err is %v, want EIO", err)
	}
	before := len(j.told)
	if err := j.write(t.Context(), n, "after", -1, nil); err == nil || len(j.told) != before {
		t.Error("acknowledged after a failed sync")
	}
	_, err = s.client.AppendToStream(t.Context(), "after", esdb.AppendToStreamOptions{}, event("x"))
	if code(err) != esdb.ErrorUnavailable {
		t.Errorf("append to a failed node: %v, want unavailable", err)
	}
	if err := n.Close(); err == nil {
		t.Error("Close of a failed node says nothing")
	}
	// Only what was synced has survived, and that is all that was acknowledged.
	n, err = Open(Config{Dir: "db", fs: mem.CrashClone(vfs.CrashCloneCfg{})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	j.check(t, n)
}

func TestAFullDiskIsAPause(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	var full atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		needsSpace := op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileWriteAt ||
			op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite
		if needsSpace && full.Load() {
			return syscall.ENOSPC
		}
		return nil
	}))
	n, err := Open(Config{Dir: "db", fs: fs, SpaceRetry: time.Millisecond, MemTableBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, n)
	j := &journal{}
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		base := n.horizon.position.Load()
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				stream := fmt.Sprint("s", round, "-", w)
				for revision := int64(-1); j.write(ctx, n, stream, revision, make([]byte, 500)) == nil; {
					revision++
				}
			})
		}
		if err := reach(t.Context(), n, base+200); err != nil {
			t.Fatal(err)
		}
		full.Store(true)
		wg.Wait() // refused, not stuck
		cancel()
		if !n.Stats().DiskFull {
			t.Error("the figures do not say that the disk is full")
		}
		e := event("x")
		_, err := s.client.AppendToStream(t.Context(), "waits", esdb.AppendToStreamOptions{}, e)
		if code(err) != esdb.ErrorAborted {
			t.Errorf("append to a full disk: %v, want aborted", err)
		}
		if _, err := s.readStream(t.Context(), "s0-0", esdb.Start{}, esdb.Forwards); err != nil {
			t.Errorf("read from a full disk: %v", err)
		}
		full.Store(false)
		for { // the writer notices at its own pace
			_, err := s.client.AppendToStream(t.Context(), fmt.Sprint("waits", round), esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, e)
			if err == nil {
				break
			}
			if code(err) != esdb.ErrorAborted {
				t.Fatal(err)
			}
		}
		if err := n.Err(); err != nil {
			t.Fatalf("the node failed: %v", err)
		}
	}
	j.check(t, n)
	s.stop(t)
	n, err = Open(Config{Dir: "db", fs: mem.CrashClone(vfs.CrashCloneCfg{})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	j.check(t, n)
}

func TestAFullDiskCanBeClosed(t *testing.T) {
	t.Parallel()
	var full atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind == errorfs.OpFileWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	n, err := Open(Config{Dir: "db", fs: fs})
	if err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	if err := (&journal{}).write(t.Context(), n, "a", -1, nil); !errors.Is(err, errFull) {
		t.Errorf("append: %v", err)
	}
	if err := n.Close(); err == nil {
		t.Error("Close says nothing of the full disk")
	}
}
