package main

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collected is an OTLP collector: what it was sent.
type collected struct {
	mu    sync.Mutex
	spans []*tracepb.Span
	bytes strings.Builder
}

func (c *collected) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	data, err := io.ReadAll(body)
	request := &collector.ExportTraceServiceRequest{}
	if err != nil || proto.Unmarshal(data, request) != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "not a request of OTLP", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes.Write(data)
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
}

// find gives the span that is so.
func (c *collected) find(is func(*tracepb.Span) bool) *tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, span := range c.spans {
		if is(span) {
			return span
		}
	}
	return nil
}

// A command is one trace from its caller through HTTP and the command to the append;
// the read models that take its events in link to it; and its log line names it.
func TestACommandIsOneTrace(t *testing.T) {
	c := &collected{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL) // so this test is not parallel
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	p := runUp(t, filepath.Join(t.TempDir(), "data"), "--log-level", "debug")
	const trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/v1/customers", strings.NewReader(`{"kind":"person","name":"Canary Bird"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Traceparent", "00-"+trace+"-"+caller+"-01")
	status, header, body := p.send(request)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	p.must(http.MethodGet, header.Get("Location")+"?min_position="+header.Get("Crm-Position"), "", nil)
	p.stop(syscall.SIGTERM)

	below := func(parent, name string) string {
		t.Helper()
		span := c.find(func(s *tracepb.Span) bool {
			return hex.EncodeToString(s.TraceId) == trace && hex.EncodeToString(s.ParentSpanId) == parent && strings.HasPrefix(s.Name, name)
		})
		if span == nil {
			t.Fatalf("below %s there is no span %q", parent, name)
		}
		return hex.EncodeToString(span.SpanId)
	}
	appended := below(below(below(caller, "POST /v1/customers"), "command customer.register"), "append")
	for _, model := range []string{"customers", "timeline"} {
		batch := c.find(func(s *tracepb.Span) bool {
			if s.Name != "projection "+model {
				return false
			}
			for _, link := range s.Links {
				if hex.EncodeToString(link.TraceId) == trace && hex.EncodeToString(link.SpanId) == appended {
					return true
				}
			}
			return false
		})
		if batch == nil {
			t.Errorf("no batch of %s links to the append", model)
		} else if c.find(func(s *tracepb.Span) bool { return string(s.ParentSpanId) == string(batch.SpanId) }) == nil {
			t.Errorf("the batch of %s has no statement below it", model)
		}
	}
	if !strings.Contains(p.errs.String(), "trace_id="+trace) {
		t.Errorf("no log line names the trace:\n%s", p.errs)
	}
	for name, text := range map[string]string{"the traces": c.bytes.String(), "the log": p.errs.String()} {
		if strings.Contains(text, "Canary") {
			t.Errorf("a customer's name is in %s", name)
		}
	}
}

// Profiles are shown on a listener of their own, to this machine only.
func TestProfilesAreForTheMachineItself(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:6060", ":6060", "[::]:6060", "192.0.2.1:6060", "example.org:6060", "127.0.0.1"} {
		if code, _, errs := runCommand(t, "up", "--data", t.TempDir(), "--debug-listen", address); code != exitUsage || !strings.Contains(errs, "loopback") {
			t.Errorf("%s: exit code %d: %s", address, code, errs)
		}
	}
	p := runUp(t, filepath.Join(t.TempDir(), "data"), "--debug-listen", "127.0.0.1:0")
	_, rest, _ := strings.Cut(p.errs.String(), "url=http://")
	address, _, _ := strings.Cut(rest, "/debug/pprof/")
	for host, want := range map[string]int{address: 200, "localhost": 200, "evil.example": 403} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/debug/pprof/heap?debug=1", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		if status, _, body := p.send(request); status != want || want == 200 && !strings.Contains(string(body), "heap profile") {
			t.Errorf("%s is answered %d", host, status)
		}
	}
	if status, _ := p.ask(http.MethodGet, "/debug/pprof/", "", nil); status != http.StatusNotFound {
		t.Errorf("the API's own listener answers %d", status)
	}
	p.stop(syscall.SIGTERM)
}
