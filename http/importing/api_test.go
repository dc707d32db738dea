package importing

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// api carries commands out like the server: idempotency keys with fingerprints, what
// must exist, what may not exist twice, closed deals.
type api struct {
	t *testing.T

	mu       sync.Mutex
	seen     map[string]answered
	exists   map[string]string // "customer-<uuid>" → created by which key
	closed   map[string]bool   // deals
	details  map[string]string // "<target>/<member>" → value
	said     []said            // accepted and new, in order
	busy     map[string]bool   // targets of the requests under way
	requests int

	// before may end the import instead of the n-th request.
	before func(n int) error
	// result may refuse one command.
	result func(c asked) *Outcome
}

type asked struct {
	Command string          `json:"command"`
	Target  string          `json:"target"`
	Part    string          `json:"part"`
	Key     string          `json:"idempotency_key"`
	Body    json.RawMessage `json:"body"`
}

// said is an accepted command with its body read.
type said struct {
	asked
	id   string
	body map[string]any
}

type answered struct {
	fingerprint [32]byte
	outcome     Outcome
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{
		t: t, seen: map[string]answered{}, exists: map[string]string{}, closed: map[string]bool{},
		details: map[string]string{}, busy: map[string]bool{},
	}
	return a
}

// Send carries commands out.
func (a *api) Send(_ context.Context, commands []*Command) ([]Outcome, error) {
	all := make([]asked, len(commands))
	for i, c := range commands {
		if err := json.Unmarshal(c.append(nil), &all[i]); err != nil {
			a.t.Errorf("%s: %v", c.append(nil), err)
		}
	}
	a.mu.Lock()
	a.requests++
	if a.before != nil {
		if err := a.before(a.requests); err != nil {
			a.mu.Unlock()
			return nil, err
		}
	}
	a.occupy(all)
	a.mu.Unlock()
	time.Sleep(time.Millisecond) // in which another request must not be about the same
	a.mu.Lock()
	defer a.mu.Unlock()
	a.leave(all)
	outcomes := make([]Outcome, len(all))
	for i, c := range all {
		outcomes[i] = a.do(c)
	}
	return outcomes, nil
}

// tried is what an import came to.
type tried struct {
	Rows, Rejected, Updated int
	Commands                map[string]int
	Results                 []Result
}

// importFiles imports files by a mapping, of a name or a file.
func (a *api) importFiles(ctx context.Context, mapping string, paths []string, change ...func(*Work)) (tried, error) {
	a.t.Helper()
	p, _, err := Load(mapping)
	if err != nil {
		return tried{}, err
	}
	files, _, err := p.Local(paths, "")
	if err != nil {
		return tried{}, err
	}
	s := tried{Commands: map[string]int{}}
	w := &Work{Plan: p, Files: files, Sender: a, Parallel: 4, After: func(_ context.Context, results Results) error {
		for name, n := range results.Accepted {
			s.Commands[name] += n
		}
		for _, r := range results.Rows {
			if want := int64(len(s.Results)); r.Number != want && len(change) == 0 {
				a.t.Errorf("row %d is told after row %d", r.Number, want-1)
			}
			s.Results = append(s.Results, r)
			if r.File >= 0 {
				s.Rows++
			}
			switch r.Outcome {
			case Rejected:
				s.Rejected++
			case Updated:
				s.Updated++
			}
		}
		return nil
	}}
	for _, f := range change {
		f(w)
	}
	return s, w.Do(ctx)
}

func category(command string) string { name, _, _ := strings.Cut(command, "."); return name }

// occupy checks that no two requests are about the same aggregate at once.
func (a *api) occupy(commands []asked) {
	mine := map[string]bool{}
	for _, c := range commands {
		if id := c.id(); !mine[id] {
			if a.busy[id] {
				a.t.Errorf("%s of %s was sent while another request is about it", c.Command, id)
			}
			mine[id], a.busy[id] = true, true
		}
	}
}

func (a *api) leave(commands []asked) {
	for _, c := range commands {
		delete(a.busy, c.id())
	}
}

func (c asked) id() string {
	if c.Target != "" {
		return c.Target
	}
	var body struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(c.Body, &body) // do refuses it
	return body.ID
}

func refuse(status int, slug, detail string) Outcome {
	return Outcome{Status: status, Problem: Problem{Type: "/problems/" + slug, Detail: detail}}
}

func (a *api) do(c asked) Outcome {
	var compact bytes.Buffer
	if err := json.Compact(&compact, c.Body); err != nil {
		a.t.Errorf("%s: %v in %s", c.Command, err, c.Body)
	}
	fingerprint := sha256.Sum256([]byte(c.Command + c.Target + c.Part + compact.String()))
	if before, again := a.seen[c.Key]; again {
		if before.fingerprint != fingerprint {
			a.t.Errorf("%s: key %s was used for another body", c.Command, c.Key)
		}
		return before.outcome
	}
	o := a.decide(c)
	if !o.refused() {
		a.seen[c.Key] = answered{fingerprint, o}
	}
	return o
}

func (a *api) decide(c asked) Outcome {
	if a.result != nil {
		if o := a.result(c); o != nil {
			return *o
		}
	}
	s := said{asked: c, id: c.id()}
	if err := json.Unmarshal(c.Body, &s.body); err != nil {
		a.t.Fatalf("%s: %v", c.Body, err)
	}
	source, _ := s.body["source"].(map[string]any)
	if _, err := uuid.Parse(s.id); err != nil || source["application"] != "crm import" || source["row"] == "" {
		a.t.Errorf("%s has the id %q and the source %v", c.Command, s.id, source)
	}
	stream := category(c.Command) + "-" + s.id
	switch {
	case creates(c.Command):
		if c.Target != "" {
			a.t.Errorf("%s has a target", c.Command)
		}
		if a.exists[stream] != "" {
			past := map[string]string{"deal": "opened", "product": "defined", "pipeline": "defined"}[category(c.Command)]
			if past == "" {
				past = "registered"
			}
			return refuse(http.StatusConflict, category(c.Command)+"-already-"+past, "It exists already.")
		}
	case needsCustomer(c.Command):
		if a.exists["customer-"+s.id] == "" {
			return refuse(http.StatusNotFound, "customer-unknown", "There is no such customer.")
		}
	case a.exists[stream] == "":
		return refuse(http.StatusNotFound, category(c.Command)+"-unknown", "There is no such "+category(c.Command)+".")
	}
	if missing := a.missing(s.body); missing != "" {
		return refuse(http.StatusNotFound, missing+"-unknown", "There is no such "+missing+".")
	}
	if a.closed[stream] && slices.Contains([]string{"deal.win", "deal.lose", "deal.change_stage", "deal.change_amount"}, c.Command) {
		return refuse(http.StatusConflict, "deal-not-open", "The deal is closed.")
	}
	if kind := s.body["kind"]; c.Command == "customer.add_contact_point" && kind == "email" && !strings.Contains(s.body["value"].(string), "@") {
		return refuse(http.StatusUnprocessableEntity, "invalid-value", "That is no e-mail address.")
	}
	switch {
	case creates(c.Command):
		a.exists[stream] = c.Key
	case c.Command == "deal.win", c.Command == "deal.lose":
		a.closed[stream] = true
	}
	changed := !strings.HasSuffix(c.Command, "change_details")
	for name, value := range s.body {
		if key, text := s.id+"/"+name, fmt.Sprint(value); name != "source" && a.details[key] != text {
			a.details[key], changed = text, true
		}
	}
	a.said = append(a.said, s)
	if !changed {
		return Outcome{Status: http.StatusOK}
	}
	return Outcome{Status: http.StatusOK, Events: 1}
}

// missing is what the body refers to and is not there.
func (a *api) missing(body map[string]any) string {
	for name, category := range map[string]string{
		"customer": "customer", "organization": "customer", "owner": "employee", "manager": "employee", "pipeline": "pipeline", "product": "product",
	} {
		if id, ok := body[name].(string); ok && a.exists[category+"-"+id] == "" {
			return category
		}
	}
	for _, list := range []string{"line_items", "links"} {
		items, _ := body[list].([]any)
		for _, item := range items {
			if missing := a.missing(item.(map[string]any)); missing != "" {
				return missing
			}
		}
	}
	return ""
}

// of are the accepted commands of that name.
func (a *api) of(command string) []said {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []said
	for _, s := range a.said {
		if s.Command == command {
			found = append(found, s)
		}
	}
	return found
}

func (a *api) events() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.said)
}
