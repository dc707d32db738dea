package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// line is one connection to a program.
type line struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (p *program) connect() *line {
	p.t.Helper()
	conn, err := new(net.Dialer).DialContext(p.t.Context(), "tcp", p.url[len("http://"):])
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	return &line{p.t, conn, bufio.NewReader(conn)}
}

func (l *line) send(path, key string) {
	l.t.Helper()
	if _, err := fmt.Fprintf(l.conn, "GET %s HTTP/1.1\r\nHost: crm\r\nAuthorization: Bearer %s\r\n\r\n", path, key); err != nil {
		l.t.Fatal(err)
	}
}

// answer is the body of the next answer, which must be 200.
func (l *line) answer() string {
	l.t.Helper()
	_ = l.conn.SetReadDeadline(time.Now().Add(time.Minute))
	response, err := http.ReadResponse(l.in, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		l.t.Fatalf("%s: %s, %v", response.Status, body, err)
	}
	return string(body)
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

// As many connections as may be are open; those beyond wait without costing the server
// anything, while the open ones go on. Each that leaves makes room for one.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	const open, surplus = 3, 200
	p := runUp(t, filepath.Join(t.TempDir(), "data"), "--max-connections", strconv.Itoa(open))
	var inside, outside []*line
	for range open {
		l := p.connect()
		l.send("/health/live", p.key)
		l.answer()
		inside = append(inside, l)
	}
	running := func() int {
		t.Helper()
		inside[open-1].send("/metrics", p.key)
		count, err := strconv.Atoi(goroutines.FindStringSubmatch(inside[open-1].answer())[1])
		if err != nil {
			t.Fatal(err)
		}
		return count
	}
	before := running()
	for range surplus {
		l := p.connect()
		l.send("/health/live", p.key)
		outside = append(outside, l)
	}
	for range 20 {
		for _, l := range inside {
			l.send("/health/live", p.key)
			l.answer()
		}
	}
	for _, l := range outside {
		_ = l.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := l.in.Peek(1); err == nil {
			t.Fatal("a connection beyond the bound is answered")
		}
	}
	if more := running() - before; more > surplus/2 {
		t.Errorf("%d connections that wait cost %d goroutines", surplus, more)
	}
	for _, l := range inside[:open-1] {
		_ = l.conn.Close()
	}
	for _, l := range outside { // one after the other, through the room that two have left
		l.answer()
		_ = l.conn.Close()
	}
	eventually(t, "who has left leaves nothing", func() bool { return running() < before+surplus/10 })
	p.stop(syscall.SIGTERM)
}
