package embedded

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// keepVariable names the store that TestStoresOfEarlierVersions keeps:
//
//	CRM_KEEP_STORE=2026-11-22-floor go test ./eventstore/embedded -run TestStoresOfEarlierVersions
//
// Do that once for every release that changed what is written, and commit the
// folder. For a version of the past: put this file into a checkout of it.
const keepVariable = "CRM_KEEP_STORE"

const storesFolder = "testdata/stores"

// TestStoresOfEarlierVersions opens a copy of every store kept so far: one that
// was closed, and one as a killed process left it. All that a client can see is
// what the version that wrote it showed, an append sent again is known, and the
// store goes on.
func TestStoresOfEarlierVersions(t *testing.T) {
	t.Parallel()
	now := t.TempDir()
	writeStores(t, now)
	if name := os.Getenv(keepVariable); name != "" {
		if err := os.CopyFS(filepath.Join(storesFolder, name), os.DirFS(now)); err != nil {
			t.Fatal(err)
		}
	}
	transcripts, err := filepath.Glob(filepath.Join(storesFolder, "*", "*.txt"))
	if err != nil || len(transcripts) == 0 {
		t.Errorf("no stores in %s, %v", storesFolder, err)
	}
	for _, transcript := range append(transcripts, filepath.Join(now, "closed.txt"), filepath.Join(now, "killed.txt")) {
		name, err := filepath.Rel(storesFolder, transcript)
		if strings.HasPrefix(transcript, now) || err != nil {
			name = "of this version/" + filepath.Base(transcript)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(transcript)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "store")
			if err := os.CopyFS(dir, os.DirFS(strings.TrimSuffix(transcript, ".txt"))); err != nil {
				t.Fatal(err)
			}
			s := start(t, Config{Dir: dir})
			if diff := cmp.Diff(string(want), transcribe(t, s)); diff != "" {
				t.Fatal(diff)
			}
			known := storedEvents("batch", 3)
			if r := s.append(t, "batch", esdb.Any{}, known...); r.NextExpectedVersion != 2 {
				t.Errorf("an append sent again is answered with revision %d, want 2", r.NextExpectedVersion)
			}
			s.append(t, "batch", esdb.Revision(2), storedEvents("new", 1)...)
			after := transcribe(t, s)
			s.stop(t)
			s = start(t, Config{Dir: dir})
			if diff := cmp.Diff(after, transcribe(t, s)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// storedEvents are n events; name decides what is in them.
func storedEvents(name string, n int) []esdb.EventData {
	events := make([]esdb.EventData, n)
	for i := range events {
		events[i] = esdb.EventData{
			EventID:   uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, name, i)),
			EventType: name + ".happened", ContentType: esdb.ContentTypeJson,
			Data: fmt.Appendf(nil, `{"of":%q,"number":%d}`, name, i), Metadata: []byte(`{"schema":1}`),
		}
		if i%3 == 2 {
			events[i].ContentType, events[i].Metadata = esdb.ContentTypeBinary, nil
			events[i].Data = []byte{0, 1, 0xff, byte(i)}
		}
	}
	return events
}

// writeStores makes the stores closed and killed in dir, and their transcripts.
func writeStores(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"closed", "killed"} {
		s := start(t, Config{Dir: filepath.Join(t.TempDir(), name), MemTableBytes: 64 << 10})
		fillStore(t, s, name == "closed")
		if err := os.WriteFile(filepath.Join(dir, name+".txt"), []byte(transcribe(t, s)), 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "closed" { // and once more, so that it is in tables, and smaller
			s.stop(t)
			s = start(t, s.cfg)
			s.stop(t)
		}
		// Of a running node this is what a killed process leaves.
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(s.cfg.Dir)); err != nil {
			t.Fatal(err)
		}
		s.stop(t)
	}
}

// fillStore writes what a store can hold. With tables set it writes enough for
// Pebble to make tables of it.
func fillStore(t *testing.T, s *service, tables bool) {
	t.Helper()
	ctx := t.Context()
	s.append(t, "batch", esdb.NoStream{}, storedEvents("batch", 3)...)
	for i := range 5 {
		s.append(t, "one by one", esdb.Any{}, storedEvents(fmt.Sprint("one", i), 1)...)
	}
	for _, name := range []string{"a", "a\x00b", "é", "e\u0301", "$mine", strings.Repeat("long ", 50)} {
		s.append(t, name, esdb.NoStream{}, storedEvents("name "+name, 2)...)
	}
	if tables {
		for i := range 12 {
			e := storedEvents(fmt.Sprint("large", i), 1)
			e[0].Data = bytes.Repeat(fmt.Appendf(nil, "%d ", i), 4<<10)
			s.append(t, "large", esdb.Any{}, e...)
		}
	}
	for _, name := range []string{"deleted", "deleted and written again", "ended", "counted", "cut"} {
		s.append(t, name, esdb.NoStream{}, storedEvents(name, 6)...)
	}
	counted, cut := esdb.StreamMetadata{}, esdb.StreamMetadata{}
	counted.SetMaxCount(2)
	cut.SetTruncateBefore(4)
	cut.AddCustomProperty("mine", "yes")
	_, err1 := s.client.SetStreamMetadata(ctx, "counted", esdb.AppendToStreamOptions{}, counted)
	_, err2 := s.client.SetStreamMetadata(ctx, "cut", esdb.AppendToStreamOptions{}, cut)
	_, err3 := s.client.DeleteStream(ctx, "deleted", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	_, err4 := s.client.DeleteStream(ctx, "deleted and written again", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	_, err5 := s.client.TombstoneStream(ctx, "ended", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	s.append(t, "deleted and written again", esdb.NoStream{}, storedEvents("again", 2)...)
	s.append(t, "last", esdb.Any{}, storedEvents("last", 1)...)
}

// transcribe writes down all that a client can see of a store.
func transcribe(t *testing.T, s *service) string {
	t.Helper()
	var b strings.Builder
	streams := map[string]bool{}
	for _, e := range s.readAll(t, esdb.Start{}, esdb.Forwards) {
		data := fmt.Sprintf("%q", e.Data)
		if len(e.Data) > 200 {
			data = fmt.Sprintf("%d bytes, SHA-256 %x", len(e.Data), sha256.Sum256(e.Data))
		}
		fmt.Fprintf(&b, "%d %q@%d %s %q %s %d\n\t%s\n\t%q\n", e.Position.Commit, e.StreamID, e.EventNumber, e.EventID,
			e.EventType, e.ContentType, e.CreatedDate.UnixNano(), data, e.UserMetadata)
		streams[e.StreamID] = true
	}
	for _, stream := range append(slices.Sorted(maps.Keys(streams)), "never written") {
		events, err := s.readStream(t.Context(), stream, esdb.Start{}, esdb.Forwards)
		fmt.Fprintf(&b, "%q:", stream)
		for _, e := range events {
			fmt.Fprintf(&b, " %d", e.EventNumber)
		}
		if err != nil {
			fmt.Fprintf(&b, " error %d", code(err))
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

// TestKeptStoresAreSmall keeps the repository small.
func TestKeptStoresAreSmall(t *testing.T) {
	t.Parallel()
	const most = 80 << 10 // bytes of one version
	size := map[string]int64{}
	err := fs.WalkDir(os.DirFS(storesFolder), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			version, _, _ := strings.Cut(path, "/")
			size[version] += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for version, bytes := range size {
		if bytes > most {
			t.Errorf("%s has %d bytes, at most %d", version, bytes, most)
		}
	}
}
