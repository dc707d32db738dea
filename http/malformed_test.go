package http_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"crm/domain"
	"crm/eventstore/faulttest"
	crmhttp "crm/http"
	"crm/http/contracttest"
)

// wire asks a request as a listener hands it over. False: net/http itself refuses it.
func (w *world) wire(request contracttest.Request) (answer contracttest.Answer, handed bool) {
	w.t.Helper()
	read, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request.Bytes(key))))
	if err != nil {
		return answer, false
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	read.RemoteAddr = "192.0.2.1:1234"
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, read.WithContext(ctx))
	answer = contracttest.Answer{Status: recorder.Code, Header: recorder.Result().Header, Body: recorder.Body.Bytes()}
	if slug := answer.Slug(); slug != "" && answer.Status >= http.StatusBadRequest {
		w.declares(read, reply{header: answer.Header, json: map[string]any{"type": "/problems/" + slug}})
	}
	return answer, true
}

// Whatever is wrong with a request to whatever operation, its answer is one that a
// caller can act on and that tells nothing of the inside; who is refused changes
// nothing; and no word of it gets into a log.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	w := newSeeingWorld(t, func(cfg *crmhttp.Config) { cfg.Limiting.FailedLogIns, cfg.MaxWait = -1, time.Millisecond })
	operations, err := contracttest.Read([]byte(w.must(http.StatusOK, http.MethodGet, "/openapi.json", "").body), os.DirFS("operations"))
	if err != nil {
		t.Fatal(err)
	}
	asked, bare, seen, every := 0, 0, 0, 16
	if faulttest.Large() {
		every = 1
	}
	if faulttest.Reduced() {
		every = 64
	}
	maps.DeleteFunc(operations, func(name string, _ contracttest.Operation) bool {
		return strings.HasPrefix(name, "projection.") // these need what runs jobs; cmd/crm has it
	})
	for name, op := range operations {
		w.must(http.StatusOK, http.MethodPost, "/v1/commands", contracttest.Apart(name, contracttest.Company()))
		for _, given := range op.Given {
			if given != "import.start" { // on which nobody works here, so that who follows it would stay
				w.wire(operations[given].In(name).Good())
			}
		}
	}
	w.refresh()
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		t.Run(name, func(t *testing.T) {
			op, w := operations[name].In(name), w.on(t)
			head := w.head(domain.Position{})
			for r := range op.Bad() {
				if seen++; seen%every != 0 {
					continue
				}
				answer, handed := w.wire(r)
				if !handed {
					continue
				}
				asked++
				if fault := answer.Fault(r); fault != "" {
					t.Errorf("%s: %s\n%.200q\nanswers %.400s", r, fault, r.Bytes(key), answer.Body)
				}
				now := w.head(head)
				if now != head && (answer.Status >= http.StatusBadRequest || r.Method == http.MethodGet) {
					t.Errorf("%s: answered %d, and something was stored", r, answer.Status)
				}
				head = now
			}
			if good, _ := w.wire(op.Good()); good.Status >= http.StatusBadRequest {
				bare++
				t.Logf("the example is answered %d %s", good.Status, good.Slug())
			}
		})
	}
	t.Logf("%d requests; %d of %d examples are refused", asked, bare, len(operations))
	if asked < 60_000/every {
		t.Errorf("only %d requests were made", asked)
	}
	w.keepsQuiet()
}

// head is where the log ends, which is not before a position.
func (w *world) head(end domain.Position) domain.Position {
	for _, e := range w.log.All(end) {
		end = e.Position
	}
	return end
}

// keepsQuiet finds no word of a bad request in the log, and nothing that is an error.
func (w *world) keepsQuiet() {
	w.t.Helper()
	shown := 0
	for line := range strings.Lines(w.lines.String()) {
		var read struct{ Level string }
		if err := json.Unmarshal([]byte(line), &read); err != nil {
			w.t.Errorf("a line is no JSON: %q", line)
		}
		if strings.Contains(strings.ToLower(line), contracttest.Canary) || read.Level == "ERROR" || strings.Contains(line, key) {
			if shown++; shown <= 20 {
				w.t.Errorf("logged %.600s", line)
			}
		}
	}
}
