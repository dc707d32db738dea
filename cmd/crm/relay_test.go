package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"crm/projections/relay"
	"crm/projections/relay/natstest"
)

// TestTheRelayOfAServerThatIsKilled kills the server, and the broker, while events are
// published: every one arrives, each stream in its order.
func TestTheRelayOfAServerThatIsKilled(t *testing.T) {
	t.Parallel()
	broker := natstest.New(t)
	data := filepath.Join(t.TempDir(), "data")
	options := []string{"--relay", broker.URL, "--relay-from-start", "--relay-payload", "whole", "--public-url", "https://crm.example.com"}
	p := runUp(t, data, options...)
	change := func(i int) {
		path := "/v1/customers/" + exampleID("relayed")
		if i == 0 {
			p.must(http.MethodPost, "/v1/customers", `{"id":"`+exampleID("relayed")+`","kind":"person","name":"Ada"}`, nil)
		} else if i%2 == 0 {
			p.must(http.MethodPost, path+"/archive", `{}`, nil)
		} else {
			p.must(http.MethodPost, path+"/restore", `{}`, nil)
		}
	}
	written := 0
	for round := range 3 {
		for range 30 {
			if written == 1 { // there is nothing to restore yet
				written++
			}
			change(written)
			written++
		}
		switch round {
		case 0:
			p.kill()
			p = runUp(t, data, options...)
		case 1:
			broker.Kill()
			change(written)
			written++
			eventually(t, "the broker is told to be away", func() bool {
				var health struct {
					Status string
					Parts  map[string]string
				}
				status, _ := p.ask(http.MethodGet, "/health/ready", "", &health)
				if status != http.StatusOK {
					t.Fatalf("the server is not ready: %+v", health)
				}
				return health.Parts["relay"] == "away"
			})
			var reactors struct {
				Data []struct{ Name, State string }
			}
			p.must(http.MethodGet, "/v1/reactors", "", &reactors)
			if len(reactors.Data) == 0 || reactors.Data[0].Name != relay.Name || reactors.Data[0].State != "failing" {
				t.Errorf("reactors: %+v", reactors)
			}
			broker.Start()
		}
	}
	want := p.positions(t, "")
	var seen map[string]int
	eventually(t, "every event arrives", func() bool {
		seen = map[string]int{}
		revisions := map[string]int{}
		for _, m := range broker.Received(relay.DefaultPrefix) {
			var event struct {
				ID, Source, Subject, Position string
				Revision                      int
				Data                          json.RawMessage
			}
			if err := json.Unmarshal(m.Data, &event); err != nil {
				t.Fatal(err)
			}
			if seen[event.Position]++; seen[event.Position] > 1 {
				continue
			}
			if event.Revision != revisions[event.Subject] || !strings.HasPrefix(event.Source, "https://crm.example.com/") || len(event.Data) == 0 {
				t.Fatalf("want revision %d: %s", revisions[event.Subject], m.Data)
			}
			revisions[event.Subject]++
		}
		return len(seen) >= len(want)
	})
	for _, position := range want {
		if seen[position] == 0 {
			t.Errorf("the event at %s did not arrive", position)
		}
	}
	if len(seen) != len(want) {
		t.Errorf("%d events arrived, want %d", len(seen), len(want))
	}
}
