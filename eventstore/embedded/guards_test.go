package embedded

import (
	"path"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"crm/eventstore/mutation"
)

// TestGuards switches each guard of the store off, one at a time, and demands
// that a test notices. The names are those of what then goes wrong.
//
// Not here is the one that no single change switches off: that a failed sync ends
// the node is seen to by the disk, by Pebble's logger and by the finisher.
func TestGuards(t *testing.T) {
	t.Parallel()
	guards := []mutation.Mutant{
		{
			Name: "readers see what is not on disk",
			File: "eventstore/embedded/writer.go",
			Old:  "		w.hold.Unlock()\n",
			New:  "		w.hold.Unlock()\n		w.horizon.advance(g.last)\n",
			Test: "^TestNothingIsShownBeforeItIsDurable$",
		},
		{
			Name: "appends are answered before they are on disk",
			File: "eventstore/embedded/writer.go",
			Old:  "		w.hold.Unlock()\n",
			New:  "		w.hold.Unlock()\n		for _, r := range g.requests {\n			close(r.done)\n		}\n		g.requests = nil\n",
			Test: "^TestNothingIsShownBeforeItIsDurable$",
		},
		{
			Name: "the first log file hides damage",
			File: "eventstore/embedded/storage.go",
			Old:  "const walSync = 9",
			New:  "const walSync = 1",
			Test: "^TestLogFilesTellDamageFromATornEnd$",
		},
		{
			Name: "Pebble's last word is only logged",
			File: "eventstore/embedded/storage.go",
			Old:  `	l.fail(fmt.Errorf("pebble: %s", text))`,
			New:  `	l.log.Error("pebble", slog.String("detail", text))`,
			Test: "^TestPebblesLastWordIsTheEnd$",
		},
		{
			Name: "the floor is not raised",
			File: "eventstore/embedded/floor.go",
			Old:  "m, err := markAt(f.db, f.instance, position)",
			New:  "m, err := markAt(f.db, f.instance, 0)",
			Test: "^TestAStoreThatWentBackIsRefused$",
		},
		{
			Name: "the floor is not looked at",
			File: "eventstore/embedded/floor.go",
			Old:  "		case m.position > loss.Found:",
			New:  "		case m.position > loss.Found && false:",
			Test: "^TestAStoreThatWentBackIsRefused$",
		},
		{
			Name: "a paranoid node answers before it raises the floor",
			File: "eventstore/embedded/node.go",
			Old:  "n.writer.durable = n.floor.raise",
			New:  "n.writer.durable = n.floor.moved",
			Test: "^TestParanoidNoticesEveryLoss$",
		},
		{
			Name: "ids are not looked up",
			File: "eventstore/embedded/checkcommit.go",
			Old:  "return int64(n) - 1, n != 0, err",
			New:  "return int64(n) - 1, false, err",
			Test: "^TestOneGroupOfManyRequests$",
		},
		{
			Name: "a full disk is the end",
			File: "eventstore/embedded/disk.go",
			Old:  "if noSpace(err) && d.open.Load() {",
			New:  "if noSpace(err) && false {",
			Test: "^TestAFullDiskLosesNothing$",
		},
		{
			Name: "a marker overtakes its manifest",
			File: "eventstore/embedded/marker.go",
			Old:  `if !strings.HasPrefix(d.PathBase(name), "marker.") {`,
			New:  `if strings.HasPrefix(d.PathBase(name), "marker.") {`,
			Test: "^TestAMarkerDoesNotOvertakeItsManifest$",
		},
	}
	for i := range guards {
		guards[i].Package = "./eventstore/embedded"
	}
	if testing.Short() {
		guards = guards[:2]
	}
	mutation.Run(t, guards...)
}

// TestPebblesLastWordIsTheEnd has Pebble say that it cannot go on, after which it
// does.
func TestPebblesLastWordIsTheEnd(t *testing.T) {
	t.Parallel()
	n, err := Open(Config{Dir: "db", fs: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	pebbleLogger{log: n.cfg.Log, fail: n.fail}.Fatalf("it is %s", "over")
	select {
	case <-n.Done():
	default:
		t.Error("the node has not failed")
	}
	if err := (&journal{}).write(t.Context(), n, "a", -1, nil); err == nil {
		t.Error("acknowledged")
	}
	if err := n.Close(); err == nil {
		t.Error("Close says nothing")
	}
}

// TestAMarkerDoesNotOvertakeItsManifest watches all that changes the folder: when
// a marker comes or goes, everything before is on disk.
func TestAMarkerDoesNotOvertakeItsManifest(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	unsynced, markers := "", 0
	cfg := smallConfig(errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(o errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case isSync(o) && isFolder(o.Path):
			unsynced = ""
		case o.Kind == errorfs.OpCreate || o.Kind == errorfs.OpRemove || o.Kind == errorfs.OpRename:
			if marker, _ := path.Match("marker.*", path.Base(o.Path)); marker {
				if markers++; unsynced != "" {
					t.Errorf("%s overtakes %s", path.Base(o.Path), unsynced)
				}
			}
			unsynced = path.Base(o.Path)
		}
		return nil
	})))
	for range 3 {
		n, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if markers < 6 {
		t.Errorf("only %d changes of markers were seen", markers)
	}
}
