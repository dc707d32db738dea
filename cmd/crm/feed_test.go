package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// follower reads the feed of a program as server-sent events.
type follower struct {
	lines *bufio.Scanner
	leave context.CancelFunc
}

// follow connects to the feed behind an id.
func (p *program) follow(t *testing.T, lastID, query string) (*follower, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/v1/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+p.key)
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := http.DefaultClient.Do(request) //nolint:bodyclose // leave closes it, which t.Cleanup calls
	if err != nil {
		cancel()
		return nil, err
	}
	f := &follower{lines: bufio.NewScanner(response.Body), leave: func() {
		cancel()
		_ = response.Body.Close()
	}}
	t.Cleanup(f.leave)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("following the feed is answered %s", response.Status)
	}
	return f, nil
}

// next is the next event, its id and its type; false when the stream has ended.
func (f *follower) next() (id, eventType string, ok bool) {
	for f.lines.Scan() {
		line := f.lines.Text()
		if text, found := strings.CutPrefix(line, "id: "); found {
			id = text
		}
		if text, found := strings.CutPrefix(line, "data: "); found {
			var event struct{ Type string }
			_ = json.Unmarshal([]byte(text), &event)
			return id, event.Type, true
		}
	}
	return "", "", false
}

// positions reads the whole feed as pages.
func (p *program) positions(t *testing.T, query string) (positions []string) {
	t.Helper()
	for next := "/v1/events?limit=7" + query; next != ""; {
		status, header, body, err := p.try(http.MethodGet, next, "")
		if err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s %v", next, status, body, err)
		}
		for line := range strings.Lines(string(body)) {
			var event struct{ Position string }
			if err := json.Unmarshal([]byte(line), &event); err != nil {
				t.Fatal(err)
			}
			positions = append(positions, event.Position)
		}
		next, _, _ = strings.Cut(strings.TrimPrefix(header.Get("Link"), "<"), ">")
	}
	return positions
}

// write registers customers and products in turn.
func (p *program) write(t *testing.T, count int) {
	t.Helper()
	for i := range count {
		path, body := "/v1/customers", `{"kind":"person","name":"Ada"}`
		if i%2 == 1 {
			path, body = "/v1/products", fmt.Sprintf(`{"name":"Lamp %d"}`, rand.Int64())
		}
		if status, _, text, err := p.try(http.MethodPost, path, body); err != nil || status != http.StatusCreated {
			t.Fatalf("%s: %d %s %v", path, status, text, err)
		}
	}
}

// TestTheFeedOfARealLog reads it from the embedded store: in pages, by followers whose
// connections break, by many at once, and until the server stops.
func TestTheFeedOfARealLog(t *testing.T) {
	t.Parallel()
	p := runUp(t, filepath.Join(t.TempDir(), "data"))
	p.write(t, 40)

	// One whose connection breaks after every few events, while more are written.
	const more = 60
	var got []string
	var reading sync.WaitGroup
	reading.Go(func() {
		for last := ""; len(got) < 41+more; { // and the default pipeline
			f, err := p.follow(t, last, "")
			if err != nil {
				t.Error(err)
				return
			}
			for range 1 + rand.IntN(9) {
				if len(got) == 41+more {
					break
				}
				id, _, ok := f.next()
				if !ok {
					t.Errorf("the stream ended after %d events", len(got))
					return
				}
				got, last = append(got, id), id
			}
			f.leave()
		}
	})
	p.write(t, more)
	reading.Wait()
	pages := p.positions(t, "")
	if !slices.Equal(pages, got) || len(pages) != 41+more {
		t.Errorf("pages have %d events, who followed got %d:\n%v\n%v", len(pages), len(got), pages, got)
	}
	if products := p.positions(t, "&category=product"); len(products) != (40+more)/2 {
		t.Errorf("there are %d events of products", len(products))
	}

	// Fifty who wait for the next one.
	const many = 50
	var heard sync.WaitGroup
	written := make(chan time.Time, many)
	took := make([]time.Duration, many)
	followers := make([]*follower, many)
	for i := range followers {
		f, err := p.follow(t, pages[len(pages)-1], "?type=customer.registered")
		if err != nil {
			t.Fatal(err)
		}
		followers[i] = f
		heard.Go(func() {
			if _, eventType, ok := f.next(); !ok || eventType != "customer.registered" {
				t.Errorf("came %q, %t", eventType, ok)
			}
			took[i] = time.Since(<-written)
		})
	}
	began := time.Now()
	p.write(t, 1)
	for range many {
		written <- began
	}
	heard.Wait()
	slices.Sort(took)
	t.Logf("from the request of a command to %d followers: median %s, last %s", many, took[many/2], took[many-1])
	if _, _, body, _ := p.try(http.MethodGet, "/metrics", ""); !strings.Contains(string(body), fmt.Sprintf("crm_feed_followers %d\n", many)) {
		t.Error("the metrics do not count the followers")
	}

	p.stop(syscall.SIGTERM) // which checks that it is soon
	for _, f := range followers {
		said := ""
		for f.lines.Scan() {
			said += f.lines.Text() + "\n"
		}
		if !strings.Contains(said, ": the server stops") || f.lines.Err() != nil {
			t.Fatalf("at the end comes %q, %v", said, f.lines.Err())
		}
	}
}
