package postgres

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "postgres.log")
	l, err := openLog(name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	line := strings.Repeat("x", 1023) + "\n"
	for range 3 * maxLog / len(line) {
		if _, err := l.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{name, name + ".1"} {
		if fi, err := os.Stat(name); err != nil || fi.Size() > maxLog || fi.Size() == 0 {
			t.Errorf("%s: %v, %v", name, fi, err)
		}
	}
}

func TestLogSeesReadyInPieces(t *testing.T) {
	t.Parallel()
	l, err := openLog(filepath.Join(t.TempDir(), "postgres.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for _, piece := range []string{"one\ntwo\nLOG:  database system is re", "ady to accept", " connections", "\n", strings.Repeat("y", 3*maxLine)} {
		select {
		case <-l.ready:
			t.Fatalf("ready before %q", piece)
		default:
		}
		if _, err := l.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
		if piece == "\n" {
			break
		}
	}
	select {
	case <-l.ready:
	default:
		t.Error("ready was not seen")
	}
	if got := l.tail(); !strings.HasPrefix(got, "one\ntwo\n") {
		t.Errorf("tail is %q", got)
	}
}

func TestLogSurvivesADiskThatDoesNot(t *testing.T) {
	t.Parallel()
	l, err := openLog(filepath.Join(t.TempDir(), "postgres.log"))
	if err != nil {
		t.Fatal(err)
	}
	l.close()
	if n, err := l.Write([]byte("line\n")); n != 5 || err != nil {
		t.Errorf("Write = %d, %v: the server would be blocked", n, err)
	}
}
