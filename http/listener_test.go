package http_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"crm/eventstore/faulttest"
	crmhttp "crm/http"
)

// listening is a world behind a listener of its own, which is the real one but for its
// patience.
func listening(t *testing.T, patience time.Duration) (w *world, address string) {
	t.Helper()
	memory := newMemory()
	w = worldOn(t, memory, memory, func(cfg *crmhttp.Config) { cfg.Limiting.FailedLogIns = -1 })
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := w.server.Listener()
	server.ReadHeaderTimeout, server.ReadTimeout, server.IdleTimeout = patience, patience, patience
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("a connection stays: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return w, listener.Addr().String()
}

// say sends bytes and reads all that is answered, until the server ends the connection.
func say(t *testing.T, address, text string) string {
	t.Helper()
	conn := dial(t, address)
	_, _ = io.WriteString(conn, text) // the server may end it before it has read all
	all, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection stays open after %.80q", text)
	}
	return string(all)
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // a TCP connection takes one
	return conn
}

// statuses are those of all answers in a text.
func statuses(text string) (all []string) {
	for _, part := range strings.Split(text, "HTTP/1.")[1:] {
		all = append(all, part[2:min(5, len(part))])
	}
	return all
}

// A request that two readers may take for two different ones, of which a proxy in front
// would let the other pass, is refused, or is one and ends the connection.
func TestNoRequestIsSmuggled(t *testing.T) {
	t.Parallel()
	w, address := listening(t, 300*time.Millisecond)
	const create = `{"kind":"person","name":"Ada"}`
	auth := "Authorization: Bearer " + key + "\r\nContent-Type: application/json\r\n"
	post := "POST /v1/customers HTTP/1.1\r\nHost: crm\r\n" + auth
	hidden := "POST /v1/products HTTP/1.1\r\nHost: crm\r\n" + auth + "Content-Length: 14\r\n\r\n{\"name\":\"Lamp\"}"
	sized := fmt.Sprintf("Content-Length: %d\r\n", len(create))
	for name, c := range map[string]struct {
		text string
		want string // the statuses
	}{
		"a length and chunks":           {post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, ""},
		"chunks and a length":           {post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden, ""},
		"two lengths":                   {post + "Content-Length: 0\r\nContent-Length: 30\r\n\r\n" + create, "400"},
		"a list of lengths":             {post + "Content-Length: 30, 30\r\n\r\n" + create, "400"},
		"a length with a sign":          {post + "Content-Length: +30\r\n\r\n" + create, "400"},
		"a hexadecimal length":          {post + "Content-Length: 0x1e\r\n\r\n" + create, "400"},
		"a negative length":             {post + "Content-Length: -1\r\n\r\n" + create, "400"},
		"a huge length":                 {post + "Content-Length: 99999999999999999999\r\n\r\n" + create, "400"},
		"chunks said twice":             {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, "400 or 501"},
		"an unknown coding":             {post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden, "501"},
		"chunks and an unknown coding":  {post + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" + hidden, "501"},
		"a coding with a control":       {post + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n" + hidden, "400 or 501"},
		"a space before the colon":      {post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden, "400"},
		"a header without a name":       {post + ": x\r\n\r\n", "400"},
		"a header without a colon":      {post + "Transfer-Encoding\r\n\r\n", "400"},
		"a NUL in a header":             {post + "X-A: \x00\r\n\r\n", "400"},
		"a bare carriage return":        {post + "X-A: a\rTransfer-Encoding: chunked\r\n\r\n", "400"},
		"a chunk that is too short":     {post + "Transfer-Encoding: chunked\r\n\r\n1\r\n" + create + "\r\n0\r\n\r\n" + hidden, "400"},
		"a chunk with a sign":           {post + "Transfer-Encoding: chunked\r\n\r\n+1e\r\n" + create + "\r\n0\r\n\r\n" + hidden, "400"},
		"a huge chunk":                  {post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + create, "400"},
		"a chunk with a long extension": {post + "Transfer-Encoding: chunked\r\n\r\n1e;" + strings.Repeat("x", 100_000) + "\r\n" + create + "\r\n0\r\n\r\n", "400"},
		"a body that ends early":        {post + "Content-Length: 31\r\nConnection: close\r\n\r\n" + create, "400 or 408"},
		"two hosts":                     {"GET /v1/customers HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + auth + "\r\n", "400"},
		"no host":                       {"GET /health/live HTTP/1.1\r\n\r\n", "400"},
		"a host with a path":            {"GET /health/live HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"},
		"no version":                    {"GET /health/live\r\n\r\n", "400"},
		"another version":               {"GET /health/live HTTP/3.7\r\nHost: crm\r\n\r\n", "505"},
		"the preface of HTTP/2":         {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "405 or 505 or 400"},
		"TLS":                           {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400"},
		"a method that is none":         {"G(ET /health/live HTTP/1.1\r\nHost: crm\r\n\r\n", "400"},
		"a space in the path":           {"GET /health/live x HTTP/1.1\r\nHost: crm\r\n\r\n", "400"},
		"a control in the path":         {"GET /health/\x01live HTTP/1.1\r\nHost: crm\r\n\r\n", "400"},
		"another server":                {"GET http://elsewhere.example/v1/keys HTTP/1.1\r\nHost: crm\r\nConnection: close\r\n\r\n", "401"},
		"a tunnel":                      {"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example:443\r\nConnection: close\r\n\r\n", "404 or 405"},
		"everything":                    {"OPTIONS * HTTP/1.1\r\nHost: crm\r\nConnection: close\r\n\r\n", "200 or 404 or 405"},
		"an upgrade to HTTP/2":          {"GET /health/live HTTP/1.1\r\nHost: crm\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "200"},
		"an expectation of something":   {post + sized + "Expect: 200-ok\r\n\r\n" + create, "417"},
		"HTTP/1.0":                      {"GET /health/live HTTP/1.0\r\n\r\n", "200"},
		"a key that is on another line": {"GET /v1/keys HTTP/1.1\r\nHost: crm\r\nConnection: close\r\nAuthorization: Bearer\r\n " + key + "x\r\n\r\n", "400 or 401"},
		"a hop-by-hop key":              {"GET /v1/keys HTTP/1.1\r\nHost: crm\r\nConnection: close, Authorization\r\n\r\n", "401"},
		"another method by a header":    {"GET /health/live HTTP/1.1\r\nHost: crm\r\nConnection: close\r\nX-HTTP-Method-Override: DELETE\r\n\r\n", "200"},
		"a header of 64 KiB":            {"GET /health/live HTTP/1.1\r\nHost: crm\r\nX-A: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "431"},
		"headers that do not end":       {"GET /health/live HTTP/1.1\r\nHost: crm\r\n" + strings.Repeat("X-A: b\r\n", 20_000), "431"},
		"a path of 64 KiB":              {"GET /" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\nHost: crm\r\n\r\n", "431"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := say(t, address, c.text)
			got := statuses(answer)
			if c.want == "" { // one answer, whichever
				if len(got) > 1 || strings.Contains(answer, "/v1/products") {
					t.Errorf("two answers: %.500q", answer)
				}
				return
			}
			if len(got) > 1 || len(got) == 0 || !strings.Contains(c.want, got[0]) {
				t.Errorf("answered %v, want %s: %.300q", got, c.want, answer)
			}
		})
	}
	t.Cleanup(func() {
		for _, e := range w.events() {
			if strings.HasPrefix(string(e.Stream), "product-") {
				t.Error("what was hidden in another request's body was done")
			}
		}
	})
}

// Requests that follow one another on a connection are answered in their order, and
// what is wrong with one harms none before it.
func TestPipelining(t *testing.T) {
	t.Parallel()
	w, address := listening(t, time.Second)
	one := func(body string) string {
		return fmt.Sprintf("POST /v1/products HTTP/1.1\r\nHost: crm\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", key, len(body), body)
	}
	answer := say(t, address, one(`{"name":"A"}`)+one(`{"name":`)+one(`{"name":"B"}`)+"BROKEN\r\n\r\n")
	if got := strings.Join(statuses(answer), " "); got != "201 400 201 400" || len(w.events()) != 2 {
		t.Errorf("answered %s, %d events", got, len(w.events()))
	}
}

// A client that waits to be asked for the body is asked, but not for one that would be
// too large or that nobody may send.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	_, address := listening(t, time.Second)
	for name, c := range map[string]struct {
		key    string
		length int
		want   string
	}{
		"a good one": {key, 12, "100"},
		"no key":     {"x", 12, "401"},
		"too large":  {key, 2 << 20, "413"},
	} {
		conn := dial(t, address)
		_, _ = fmt.Fprintf(conn, "POST /v1/products HTTP/1.1\r\nHost: crm\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", c.key, c.length)
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || len(line) < 12 || line[9:12] != c.want {
			t.Errorf("%s: %q, %v", name, line, err)
		}
	}
}

// Who sends a byte now and then loses the connection when the time for a request is
// over, having sent a head or a body or nothing at all; and meanwhile keeps nobody out.
func TestSlowSendersAreLeft(t *testing.T) {
	t.Parallel()
	w, address := listening(t, 400*time.Millisecond)
	head := "POST /v1/products HTTP/1.1\r\nHost: crm\r\nAuthorization: Bearer " + key + "\r\nContent-Type: application/json\r\nContent-Length: 500\r\n"
	var all sync.WaitGroup
	for name, begin := range map[string]string{
		"a head": head + "X-A: ", "a body": head + "\r\n{\"name\":\"", "a line": "GET /", "nothing": "",
		"chunks": strings.Replace(head, "Content-Length: 500", "Transfer-Encoding: chunked", 1) + "\r\n1\r\n{\r\nfff\r\n",
	} {
		for range 8 {
			conn := dial(t, address)
			all.Go(func() {
				_, _ = io.WriteString(conn, begin) // so it may be ended at once
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					answer, err := io.ReadAll(conn)
					if errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("%s: kept until we give up", name)
					}
					if name == "a body" && !strings.Contains(string(answer), "408") {
						t.Errorf("%s: answered %q", name, answer)
					}
				}()
				for {
					select {
					case <-ended:
						return
					case <-time.After(50 * time.Millisecond):
						if name != "nothing" {
							_, _ = io.WriteString(conn, "x") // likewise
						}
					}
				}
			})
		}
	}
	if answer := say(t, address, "GET /health/live HTTP/1.1\r\nHost: crm\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 200") {
		t.Errorf("meanwhile others are answered %q", answer)
	}
	all.Wait()
	if len(w.events()) != 0 {
		t.Errorf("%d events of requests that did not end", len(w.events()))
	}
}

// A storm of large, deep and packed bodies, and of heads that do not end, takes little
// memory, and it is given back.
func TestAStormTakesLittleMemory(t *testing.T) {
	if !faulttest.Large() {
		t.Skip("with CRM_FAULTS=large: it measures the memory of the whole process")
	}
	_, address := listening(t, time.Second)
	inUse := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	head := "POST /v1/commands HTTP/1.1\r\nHost: crm\r\nConnection: close\r\nAuthorization: Bearer " + key + "\r\nContent-Type: application/json\r\n"
	bodies := []string{
		strings.Repeat("[", 4<<20), strings.Repeat(`{"a":`, 1<<20), `{"commands":[` + strings.Repeat(`{},`, 1<<20),
		`{"commands":"` + strings.Repeat("x", 7<<20) + `"}`, strings.Repeat("x", 16<<20), strings.Repeat(`{"a":1,"a":1}`, 1<<16),
	}
	before, most := inUse(), uint64(0)
	for round := range 20 {
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				body := bodies[(round+i)%len(bodies)]
				say(t, address, fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body))
			})
		}
		all.Wait()
		most = max(most, inUse())
	}
	t.Logf("%d MiB before, %d MiB at most between rounds", before>>20, most>>20)
	if most > before+64<<20 {
		t.Errorf("it grew by %d MiB", (most-before)>>20)
	}
}
