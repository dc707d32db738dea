package postgres

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
)

// maxLog is the size in bytes at which the log starts anew, keeping one old file.
const maxLog = 4 << 20

// maxLine is how much of a line is looked at, in bytes.
const maxLine = 4 << 10

// serverLog is the server's stderr: a file of bounded size, the last lines, and
// the good news. Write never fails: a server whose log can not be written must
// not be blocked by it.
type serverLog struct {
	name  string
	ready chan struct{} // closed when the server accepts connections

	mu      sync.Mutex
	file    *os.File // nil when it can not be written
	size    int64
	line    []byte // the unfinished one
	last    []string
	isReady bool
}

func openLog(name string) (*serverLog, error) {
	l := &serverLog{name: name, ready: make(chan struct{})}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("postgres log: %w", err)
	}
	return l, nil
}

func (l *serverLog) open() error {
	f, err := os.OpenFile(l.name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return err
	}
	l.file, l.size = f, fi.Size()
	return nil
}

// Write takes what the server says.
func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(p)
	for rest := p; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		l.line = append(l.line, line[:min(len(line), maxLine-len(l.line))]...)
		if whole {
			l.read(string(l.line))
			l.line = l.line[:0]
		}
		rest = after
	}
	return len(p), nil
}

func (l *serverLog) keep(p []byte) {
	if l.file != nil && l.size+int64(len(p)) > maxLog {
		_ = l.file.Close()
		l.file = nil
		_ = os.Rename(l.name, l.name+".1")
		_ = l.open()
	}
	if l.file != nil {
		n, _ := l.file.Write(p)
		l.size += int64(n)
	}
}

func (l *serverLog) read(line string) {
	const kept = 10
	l.last = append(l.last, line)
	if len(l.last) > kept {
		l.last = l.last[1:]
	}
	if !l.isReady && strings.Contains(line, "database system is ready to accept connections") {
		l.isReady = true
		close(l.ready)
	}
}

// tail returns the last lines.
func (l *serverLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.last, "\n")
}

func (l *serverLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
