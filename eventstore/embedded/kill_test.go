package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestLogFilesTellDamageFromATornEnd looks at the very first session of a store,
// then damages the middle of a log file that was synced: the store must not open
// as if nothing were missing.
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
	if v := os.Getenv("EMBEDDED_TEST_STORE"); v != "" {
		appendForEver(v)
		return
	}
	dir := t.TempDir() // not made by the process that is killed: nobody would remove it
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
