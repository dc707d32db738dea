package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// socket is the path that s is served on.
func (s *service) socket() string { return strings.TrimPrefix(s.address, "unix:") }

// backUp backs up what is served, through the socket.
func (s *service) backUp(t *testing.T) (dir string, m Manifest) {
	t.Helper()
	frozen, err := FreezeServed(t.Context(), s.socket())
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "backup")
	m, err = Backup(t.Context(), frozen, dir, nil)
	if err := errors.Join(err, frozen.Close()); err != nil {
		t.Fatal(err)
	}
	return dir, m
}

// stored are all stored events up to a position, as they are on disk.
func stored(t *testing.T, n *Node, upto uint64) [][]byte {
	t.Helper()
	it, err := n.db.NewIter(&pebble.IterOptions{LowerBound: eventKey(0), UpperBound: eventKey(upto + 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = it.Close() }()
	var all [][]byte
	for ok := it.First(); ok; ok = it.Next() {
		all = append(all, append(bytes.Clone(it.Key()), it.Value()...))
	}
	if err := it.Error(); err != nil {
		t.Fatal(err)
	}
	return all
}

// A backup taken while 8 writers append is what the log was up to the manifest's
// position, which is not before what was acknowledged when it was asked for.
func TestABackupUnderLoadIsAPrefixOfTheLog(t *testing.T) {
	t.Parallel()
	s := start(t, Config{MemTableBytes: minMemTable}) // so that tables come and go meanwhile
	ctx, cancel := context.WithCancel(t.Context())
	j := &journal{}
	writers := j.run(ctx, s.Node, 8, func() []byte { return bytes.Repeat([]byte("x"), 300) })
	t.Cleanup(func() { cancel(); writers.Wait() })
	for round := range 5 {
		for s.Stats().Appended < uint64(round+1)*500 {
			<-s.horizon.watch()
		}
		acknowledged := s.horizon.position.Load()
		backup, m := s.backUp(t)
		if m.Position < acknowledged || m.Events != m.Position || m.Instance != s.floor.instance {
			t.Errorf("a store at %d gave %+v", acknowledged, m)
		}
		if report, err := CheckBackup(t.Context(), backup, CheckConfig{}); err != nil || report.Damages > 0 || report.Loss.What != "" {
			t.Errorf("the backup: %+v, %v", report, err)
		}
		dir := filepath.Join(t.TempDir(), "deep", "events")
		if _, report, err := Restore(t.Context(), backup, dir, nil); err != nil || report.Events != m.Events {
			t.Fatalf("%+v, %v", report, err)
		}
		restored := start(t, Config{Dir: dir})
		if want, got := stored(t, s.Node, m.Position), stored(t, restored.Node, everything-1); !slices.EqualFunc(want, got, bytes.Equal) {
			t.Errorf("the log has %d events up to %d, restored are %d, and not the same", len(want), m.Position, len(got))
		}
		if at := restored.floor.position.Load(); at != m.Position {
			t.Errorf("the floor is at %d, the store ends at %d", at, m.Position)
		}
		restored.append(t, "on", esdb.NoStream{}, event("a"))
	}
	cancel()
	writers.Wait()
	if left, err := os.ReadDir(filepath.Join(s.cfg.Dir, frozenFolder)); err != nil || len(left) > 1 {
		t.Errorf("frozen stores are left: %v, %v", left, err) // the last may still be going
	}
}

func TestAnEmptyStoreIsBackedUp(t *testing.T) {
	t.Parallel()
	backup, m := start(t, Config{}).backUp(t)
	if m.Position != 0 || m.LastEvent != "" {
		t.Errorf("%+v", m)
	}
	dir := filepath.Join(t.TempDir(), "events")
	if _, _, err := Restore(t.Context(), backup, dir, nil); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Dir: dir}).append(t, "s", esdb.NoStream{}, event("a"))
}

// smallBackup is a backup of a store whose events are in tables and in the log
// file.
func smallBackup(t *testing.T) string {
	t.Helper()
	s := start(t, Config{})
	s.append(t, "s", esdb.NoStream{}, eventsOf("a", 100)...)
	backup, _ := s.backUp(t)
	return backup
}

func TestADamagedBackupIsRefused(t *testing.T) {
	t.Parallel()
	whole := smallBackup(t)
	m, err := ReadManifest(whole)
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string]func(t *testing.T, backup string){
		"no manifest": func(t *testing.T, backup string) {
			t.Helper()
			remove(t, filepath.Join(backup, manifestName))
		},
		"extra file": func(t *testing.T, backup string) {
			t.Helper()
			write(t, filepath.Join(backup, eventsFolder, "000099.sst"), []byte("x"))
		},
		"no events": func(t *testing.T, backup string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(backup, eventsFolder)); err != nil {
				t.Fatal(err)
			}
		},
		"another position in the manifest": func(t *testing.T, backup string) {
			t.Helper()
			edit(t, backup, func(text []byte) []byte {
				return bytes.Replace(text, []byte(`"position": 100`), []byte(`"position": 101`), 1)
			})
		},
		"another position in the manifest, sealed anew": func(t *testing.T, backup string) {
			t.Helper()
			edit(t, backup, func(text []byte) []byte {
				var m Manifest
				if err := json.Unmarshal(text, &m); err != nil {
					t.Fatal(err)
				}
				m.Position++
				text, _ = m.encode()
				return text
			})
		},
		"half a manifest": func(t *testing.T, backup string) {
			t.Helper()
			edit(t, backup, func(text []byte) []byte { return text[:len(text)/2] })
		},
		"a manifest that points elsewhere": func(t *testing.T, backup string) {
			t.Helper()
			edit(t, backup, func(text []byte) []byte {
				var m Manifest
				if err := json.Unmarshal(text, &m); err != nil {
					t.Fatal(err)
				}
				m.Files[0].Name = "../" + manifestName
				text, _ = m.encode()
				return text
			})
		},
	}
	for _, f := range m.Files {
		name := filepath.Join(eventsFolder, f.Name)
		damages["no "+f.Name] = func(t *testing.T, backup string) {
			t.Helper()
			remove(t, filepath.Join(backup, name))
		}
		if f.Size == 0 {
			continue
		}
		damages["a flipped bit in "+f.Name] = func(t *testing.T, backup string) {
			t.Helper()
			flip(t, filepath.Join(backup, name), f.Size/2)
		}
		damages["an end cut off "+f.Name] = func(t *testing.T, backup string) {
			t.Helper()
			if err := os.Truncate(filepath.Join(backup, name), f.Size-1); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backup := filepath.Join(t.TempDir(), "backup")
			if err := os.CopyFS(backup, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			damage(t, backup)
			if report, err := CheckBackup(t.Context(), backup, CheckConfig{}); !errors.Is(err, ErrNotABackup) {
				t.Errorf("checked: %+v, %v", report, err)
			}
			data := t.TempDir()
			if _, _, err := Restore(t.Context(), backup, filepath.Join(data, "events"), nil); !errors.Is(err, ErrNotABackup) {
				t.Errorf("restored: %v", err)
			}
			if left, _ := os.ReadDir(data); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestWhatIsThereIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	backup := smallBackup(t)
	s := start(t, Config{})
	before := s.append(t, "s", esdb.NoStream{}, event("a"))
	if _, _, err := Restore(t.Context(), backup, s.cfg.Dir, nil); err == nil {
		t.Error("restored over a store")
	}
	frozen, err := s.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = frozen.Close() })
	if _, err := Backup(t.Context(), frozen, backup, nil); err == nil {
		t.Error("backed up over a backup")
	}
	if _, err := VerifyBackup(t.Context(), backup, nil); err != nil {
		t.Error(err)
	}
	if all := s.readAll(t, esdb.Start{}, esdb.Forwards); len(all) != 1 || before.CommitPosition != 1 {
		t.Errorf("the store has %d events", len(all))
	}
}

// What a killed restore left is no store, and the next one goes over it.
func TestARestoreGoesOverALeftover(t *testing.T) {
	t.Parallel()
	backup, dir := smallBackup(t), filepath.Join(t.TempDir(), "events")
	if err := os.Mkdir(dir+restoring, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir+restoring, "000001.sst"), []byte("half"))
	if _, report, err := Restore(t.Context(), backup, dir, nil); err != nil || report.Events != 100 {
		t.Fatalf("%+v, %v", report, err)
	}
	if _, err := os.Stat(dir + restoring); !errors.Is(err, os.ErrNotExist) {
		t.Error("the leftover is still there")
	}
}

func TestAnInterruptedBackupLeavesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	s.append(t, "s", esdb.NoStream{}, eventsOf("a", 100)...)
	frozen, err := s.Freeze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = frozen.Close() })
	parent := t.TempDir()
	made := filepath.Join(parent, "made")
	if err := os.Mkdir(made, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{made, filepath.Join(parent, "new")} {
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := Backup(ctx, frozen, target, func(Progress) { cancel() }); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if left, _ := os.ReadDir(target); len(left) != 0 {
			t.Errorf("left behind in %s: %v", target, left)
		}
	}
}

// A loopback port is open to every user of the machine.
func TestOnlyTheSocketMayFreeze(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.stop(t)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	call, err := conn.NewStream(t.Context(), &operationsDesc.Streams[0], freezeMethod)
	if err != nil {
		t.Fatal(err)
	}
	_ = call.SendMsg(&emptypb.Empty{}) // its refusal may already be here
	if err := call.RecvMsg(&emptypb.Empty{}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("over TCP: %v", err)
	}
	methods, err := (features{}).GetSupportedMethods(t.Context(), nil)
	if err != nil || strings.Contains(fmt.Sprint(methods), "operations") {
		t.Errorf("announced: %v, %v", methods, err)
	}
}

// The frozen files go when whoever asked for them is gone, and a node that was
// killed with some removes them at its next start.
func TestFrozenFilesGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	s.append(t, "s", esdb.NoStream{}, event("a"))
	frozen, err := FreezeServed(t.Context(), s.socket())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(frozen.Dir); err != nil {
		t.Error(err)
	}
	_ = frozen.Close()
	s.stop(t) // waits for the call
	if left, _ := os.ReadDir(filepath.Join(dir, frozenFolder)); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if err := os.MkdirAll(filepath.Join(dir, frozenFolder, "7"), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Dir: dir})
	if _, err := os.Stat(filepath.Join(dir, frozenFolder)); !errors.Is(err, os.ErrNotExist) {
		t.Error("a leftover stays")
	}
	if _, err := FreezeServed(t.Context(), filepath.Join(dir, "nobody")); !errors.Is(err, ErrNotServed) {
		t.Errorf("nobody's socket: %v", err)
	}
}

// A data folder may have a path that is too long for a socket.
func TestALongPathIsServed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", longestSocketPath))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	n, err := Open(Config{Dir: filepath.Join(dir, "events")})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "node.sock")
	for range 2 { // the second time over a link that a killed process left
		l, err := ListenUnix(path)
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = n.Serve(l) // its listener is closed under it
		}()
		frozen, err := FreezeServed(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := frozen.Close(); err != nil {
			t.Error(err)
		}
		_ = l.Close()
		<-served
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the link stays: %v", err)
		}
		if err := os.Symlink("nowhere", path); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, backup string, change func([]byte) []byte) {
	t.Helper()
	name := filepath.Join(backup, manifestName)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, change(text))
}

func flip(t *testing.T, name string, at int64) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text[at] ^= 1
	write(t, name, text)
}
