package http_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crm/domain"
	"crm/domain/domaintest"
	crmhttp "crm/http"
)

// eventLog is the log in memory as the feed reads it.
type eventLog struct {
	*domaintest.Memory
	reads atomic.Int64 // batches that were read
}

func (l *eventLog) Head(context.Context) (end domain.Position, at time.Time, err error) {
	for _, e := range l.All(domain.Position{}) {
		end, at = e.Position, e.RecordedAt
	}
	return end, at, nil
}

func (l *eventLog) Reaches(ctx context.Context, position domain.Position) (bool, error) {
	end, _, err := l.Head(ctx)
	return !end.Before(position), err
}

func (l *eventLog) At(_ context.Context, position domain.Position) (domain.Recorded, bool, error) {
	for _, e := range l.All(domain.Position{}) {
		if e.Position == position {
			return e, true, nil
		}
	}
	return domain.Recorded{}, false, nil
}

func (l *eventLog) Types() []string {
	return []string{"customer.registered", "customer.archived", "product.defined", "product.retired"}
}

func (l *eventLog) Follow(after domain.Position, selection domain.Selection, most int) crmhttp.Following {
	return &inMemory{log: l, after: after, selection: selection, most: most}
}

type inMemory struct {
	log       *eventLog
	after     domain.Position
	selection domain.Selection
	most      int
	caughtUp  bool
}

func (f *inMemory) Next(ctx context.Context) (domain.Batch, error) {
	f.log.reads.Add(1)
	batch := domain.Batch{After: f.after, Through: f.after}
	all := f.log.All(f.after)
	if len(all) == 0 && !f.caughtUp {
		f.caughtUp = true
		return batch, nil
	}
	if len(all) == 0 {
		var err error
		if all, err = f.log.Next(ctx, f.after); err != nil {
			return batch, err
		}
	}
	for _, e := range all[:min(f.most, len(all))] {
		batch.Through = e.Position
		if f.selection.Holds(&e) {
			batch.Events = append(batch.Events, e)
		}
	}
	f.after = batch.Through
	return batch, nil
}

func (f *inMemory) CaughtUp() bool { return f.caughtUp }
func (f *inMemory) Close()         {}

// feeding is a world with a feed, a few events, and a listener.
func feeding(t *testing.T, change func(*crmhttp.Config)) (w *world, log *eventLog, url string, stop func()) {
	t.Helper()
	memory := domaintest.NewMemory(func() time.Time { return noon })
	log = &eventLog{Memory: memory}
	w = worldOn(t, memory, memory, func(cfg *crmhttp.Config) {
		cfg.Events = log
		if change != nil {
			change(cfg)
		}
	})
	w.must(201, "POST", "/v1/customers", `{"kind":"person","name":"Ada Lovelace"}`)
	w.must(201, "POST", "/v1/products", `{"name":"Lamp"}`)
	w.must(201, "POST", "/v1/customers", `{"kind":"person","name":"Grace Hopper"}`)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := w.server.Listener()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-served
	}
	t.Cleanup(stop)
	return w, log, "http://" + listener.Addr().String() + "/v1/events", stop
}

// masked is a key of a holder who may not see personal data.
func (w *world) masked() string {
	w.t.Helper()
	key, _ := w.issue(`{"name":"mirror","role":"auditor","masked":true,"reason":"copies without persons"}`)
	return key
}

// stream opens the feed as server-sent events.
func stream(t *testing.T, url, key string, headers ...string) io.Reader {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+key)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response.Body
}

// until reads lines up to one that begins so, and gives all of them.
func until(t *testing.T, lines *bufio.Scanner, prefix string) (read []string) {
	t.Helper()
	for lines.Scan() {
		read = append(read, lines.Text())
		if strings.HasPrefix(lines.Text(), prefix) {
			return read
		}
	}
	t.Fatalf("no line begins with %q in %q: %v", prefix, read, lines.Err())
	return nil
}

func typesIn(t *testing.T, lines []string) (types []string) {
	t.Helper()
	for _, line := range lines {
		var event struct{ Type string }
		if text, isData := strings.CutPrefix(line, "data: "); isData || strings.HasPrefix(line, "{") {
			if err := json.Unmarshal([]byte(text), &event); err != nil {
				t.Fatal(err)
			}
			types = append(types, event.Type)
		}
	}
	return types
}

func TestThePagesOfTheFeed(t *testing.T) {
	t.Parallel()
	w, _, _, _ := feeding(t, nil)
	next, got := "/v1/events?limit=2", []string(nil)
	for pages := 0; next != ""; pages++ {
		page := w.must(200, "GET", next, "")
		if contentType := page.header.Get("Content-Type"); contentType != "application/jsonl" || pages > 3 {
			t.Fatalf("page %d is %s", pages, contentType)
		}
		got = append(got, typesIn(t, strings.Split(page.body, "\n"))...)
		if next, _, _ = strings.Cut(strings.TrimPrefix(page.header.Get("Link"), "<"), ">"); next == "" {
			if end := page.header.Get("Crm-Position"); end != w.events()[2].Position.String() {
				t.Errorf("the last page covers the log up to %s", end)
			}
		}
	}
	if diff := cmp.Diff([]string{"customer.registered", "product.defined", "customer.registered"}, got); diff != "" {
		t.Error(diff)
	}
	for query, want := range map[string]int{
		"category=product": 1, "category=product,customer": 3, "type=customer.registered": 2, "type=product.retired": 0,
		"after=end": 0, "category=product&type=customer.registered": 0, "after=" + w.events()[1].Position.String(): 1,
	} {
		page := w.must(200, "GET", "/v1/events?"+query, "")
		if types := typesIn(t, strings.Split(page.body, "\n")); len(types) != want || page.header.Get("Link") != "" {
			t.Errorf("%s: %v, %v", query, types, page.header)
		}
	}
	if page := w.must(200, "GET", "/v1/events", "", "Accept", "application/x-ndjson"); page.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("answered %v", page.header)
	}
	for _, accept := range []string{"*/*", "application/*", "text/html, */*;q=0.8", "text/event-stream;q=0, */*"} { // curl, browsers, most libraries
		if page := w.must(200, "GET", "/v1/events", "", "Accept", accept); page.header.Get("Content-Type") != "application/jsonl" {
			t.Errorf("who accepts %s gets %v", accept, page.header)
		}
	}
}

func TestTheFeedRefuses(t *testing.T) {
	t.Parallel()
	w, _, _, _ := feeding(t, func(cfg *crmhttp.Config) { cfg.Followers = -1 })
	for _, c := range []struct {
		status  int
		slug    string
		query   string
		headers []string
	}{
		{400, "invalid-parameter", "?after=x", nil},
		{400, "invalid-parameter", "?limit=1001", nil},
		{400, "invalid-parameter", "?type=product.sold", nil},
		{400, "invalid-parameter", "?category=person", nil},
		{400, "invalid-parameter", "?follow=true", nil},
		{400, "invalid-parameter", "?type=product.retired&type=product.defined", nil},
		{400, "invalid-header", "", []string{"Last-Event-ID", "x"}},
		{406, "not-acceptable", "", []string{"Accept", "text/csv"}},
		{406, "not-acceptable", "", []string{"Accept", "*/*;q=0"}},
		{406, "not-acceptable", "", []string{"Accept", "application/jsonl;q=0, text/csv"}},
		{409, "position-ahead", "?after=99999999", nil},
		{409, "position-ahead", "?after=0", []string{"Last-Event-ID", "99999999", "Accept", "text/event-stream"}},
		{503, "too-many-followers", "", []string{"Accept", "text/event-stream"}},
		{404, "event-unknown", "/99999999", nil},
		{400, "invalid-parameter", "/x", nil},
	} {
		r := w.must(c.status, "GET", "/v1/events"+c.query, "", c.headers...)
		if r.problem() != c.slug || c.status == 503 && r.header.Get("Retry-After") == "" {
			t.Errorf("%s %v: %s", c.query, c.headers, r.body)
		}
	}
}

func TestAnEventByItsPosition(t *testing.T) {
	t.Parallel()
	w, _, _, _ := feeding(t, nil)
	at := "/v1/events/" + w.events()[0].Position.String()
	if r := w.must(200, "GET", at, ""); r.text("data", "details", "name") != "Ada Lovelace" || r.header.Get("Content-Type") != "application/cloudevents+json" {
		t.Errorf("answered %v %s", r.header, r.body)
	}
	if r := w.send("GET", at, "", "Authorization", "Bearer "+w.masked()); r.status != 200 || strings.Contains(r.body, "Ada") || r.json["masked"] != true || r.text("data", "kind") != "person" {
		t.Errorf("who may not see personal data: %d %s", r.status, r.body)
	}
}

func TestFollowingTheFeed(t *testing.T) {
	t.Parallel()
	w, _, url, stop := feeding(t, nil)
	lines := bufio.NewScanner(stream(t, url, key))
	if got := typesIn(t, slices.Concat(until(t, lines, "data:"), until(t, lines, "data:"), until(t, lines, "data:"))); !slices.Equal(got, []string{"customer.registered", "product.defined", "customer.registered"}) {
		t.Errorf("came %v", got)
	}
	w.must(201, "POST", "/v1/products", `{"name":"More lamps"}`)
	id := until(t, lines, "id: ")
	if event := until(t, lines, "data:"); !strings.Contains(event[0], `"product.defined"`) || !strings.Contains(event[0], "More lamps") {
		t.Errorf("came %q", event)
	}
	if want := "id: " + w.events()[3].Position.String(); id[len(id)-1] != want {
		t.Errorf("%q, want %s", id, want)
	}

	again := bufio.NewScanner(stream(t, url+"?after=0&type=product.defined", w.masked(), "Last-Event-ID", w.events()[1].Position.String()))
	if event := until(t, again, "data:"); !strings.Contains(event[len(event)-1], `"masked":true`) || strings.Contains(strings.Join(event, ""), "customer") {
		t.Errorf("Last-Event-ID, type and rights are not heeded: %q", event)
	}
	go stop()
	for _, reader := range []*bufio.Scanner{lines, again} {
		until(t, reader, ": the server stops")
		if reader.Scan(); reader.Scan() || reader.Err() != nil {
			t.Errorf("behind the end comes %q, %v", reader.Text(), reader.Err())
		}
	}
}

// A heartbeat moves the id over what was not selected, and a key that ends ends the
// stream.
func TestTheHeartbeatOfTheFeed(t *testing.T) {
	t.Parallel()
	w, _, url, _ := feeding(t, func(cfg *crmhttp.Config) { cfg.Heartbeat = 20 * time.Millisecond })
	lines := bufio.NewScanner(stream(t, url+"?type=product.retired", key))
	until(t, lines, ": heartbeat")
	if id := until(t, lines, "id: "); id[0] != "id: "+w.events()[2].Position.String() {
		t.Errorf("%q", id)
	}
	w.server.ReplaceKeys(nil)
	until(t, lines, ": the key is no longer valid")
	if lines.Scan(); lines.Scan() {
		t.Errorf("behind the end comes %q", lines.Text())
	}
}

// The log is read for a reader no faster than they read, and who reads nothing is left.
func TestASlowReaderOfTheFeed(t *testing.T) {
	t.Parallel()
	w, log, url, _ := feeding(t, func(cfg *crmhttp.Config) { cfg.StallAfter, cfg.Followers = 300*time.Millisecond, 1 })
	note := strings.Repeat("x", 90_000)
	for range 330 { // 30 MB, more than sockets take
		w.must(201, "POST", "/v1/customers", `{"kind":"person","name":"A","reason":"`+note+`"}`)
	}
	before := log.reads.Load()
	body := stream(t, url, key)
	if r := w.send("GET", "/v1/events", "", "Accept", "text/event-stream"); r.status != 503 {
		t.Errorf("a second follower is answered %d", r.status)
	}
	begun := time.Now()
	for { // until they are left, and there is room
		if r := w.send("GET", "/v1/events?after=x", "", "Accept", "text/event-stream"); r.status != 400 {
			t.Fatalf("answered %d", r.status)
		}
		gauge := w.must(200, "GET", "/metrics", "").body
		if strings.Contains(gauge, "crm_feed_followers 0") {
			break
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatal("who reads nothing is not left")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if read := log.reads.Load() - before; read > 3 {
		t.Errorf("%d batches were read for one who took none", read)
	}
	if got, _ := io.Copy(io.Discard, body); got > 25<<20 {
		t.Errorf("%d bytes had been sent", got)
	}
}
