package main

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"crm/eventstore/faulttest"
	"crm/http/contracttest"
)

// The whole product takes what no client should send, as bytes on its own port, jobs
// and imports that work meanwhile included: every answer is one of those that it may
// give, no word of it is logged, and in the end it works as before.
func TestMalformedRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	p, hooks := runUpWithHooks(t, "--wait-timeout", "200ms") // a position of nonsense is waited for so long
	_, _, document, err := p.try(http.MethodGet, "/openapi.json", "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := contracttest.Read(document, os.DirFS(operations))
	if err != nil {
		t.Fatal(err)
	}
	every := 151
	if faulttest.Large() {
		every = 3
	}
	seen, asked := 0, 0
	before, err := resident(p.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		op := all[name].In(name).HooksTo(hooks.URL)
		p.must(http.MethodPost, "/v1/commands", contracttest.Apart(name, contracttest.Company()), nil)
		for _, given := range op.Given {
			wire(t, p, all[given].In(name).HooksTo(hooks.URL).Good())
		}
		for r := range op.Bad() {
			if seen++; seen%every != 0 {
				continue
			}
			asked++
			answer := wire(t, p, r)
			if fault := answer.Fault(r); fault != "" {
				t.Errorf("%s: %s\nanswers %.400s", r, fault, answer.Body)
			}
		}
	}
	after, err := resident(p.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d requests; resident %d MiB, then %d MiB", asked, before>>20, after>>20)
	for line := range strings.Lines(p.errs.String()) {
		if strings.Contains(strings.ToLower(line), contracttest.Canary) || strings.Contains(line, p.key) || strings.Contains(line, "panic") {
			t.Errorf("logged %.500s", line)
		}
	}
	p.must(http.MethodPost, "/v1/customers", `{"kind":"person","name":"Ada"}`, nil)
	hooks.onlyHere(p)
	p.stop(syscall.SIGTERM)
}

// wire sends a request and reads its answer. Who is refused early may not get to send
// all of it.
func wire(t *testing.T, p *program, r contracttest.Request) contracttest.Answer {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatalf("%s: %v", r, err)
	}
	defer func() { _ = conn.Close() }()               // it is read to its end
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // TCP takes one
	go func() { _, _ = io.Copy(conn, bytes.NewReader(r.Bytes(p.key))) }()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Errorf("%s: no answer: %v", r, err)
		return contracttest.Answer{Status: http.StatusTeapot}
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20)) // of a stream, what comes
	return contracttest.Answer{Status: response.StatusCode, Header: response.Header, Body: body}
}
