package http_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crm/domain/domaintest"
	crmhttp "crm/http"
	"crm/http/contracttest"
)

// Four times as many at once as may work, and a store that takes nothing until all others
// are refused: they are told so with when to come back, although nobody has left; who
// was let in succeeds, nothing of the rest was done, and all of it succeeds when it is
// sent again. Health is not behind the gate.
func TestOverload(t *testing.T) {
	t.Parallel()
	const admitted, sent = 8, 4 * 8
	taken := make(chan struct{})
	w := brokenWorld(t, func(cfg *crmhttp.Config) {
		cfg.CommandsAtOnce, cfg.Patience = admitted, 50*time.Millisecond
	}, func(ctx context.Context) error {
		select {
		case <-taken:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	register := func(i int) reply {
		return w.send("POST", "/v1/customers", fmt.Sprintf(`{"kind":"person","name":"A %d"}`, i), "Idempotency-Key", fmt.Sprint(i))
	}
	type told struct {
		i int
		reply
	}
	answers := make(chan told, sent)
	for i := range sent {
		go func() { answers <- told{i, register(i)} }()
	}
	var refused []int
	for len(refused) < sent-admitted {
		r := <-answers
		if r.status != 503 || r.problem() != "overloaded" || r.header.Get("Retry-After") == "" {
			t.Fatalf("got %d %v %s", r.status, r.header, r.body)
		}
		refused = append(refused, r.i)
	}
	w.must(200, "GET", "/health/live", "")
	if body := w.must(200, "GET", "/metrics", "").body; !strings.Contains(body, fmt.Sprintf(`crm_http_overloaded_total{kind="command"} %d`, len(refused))) ||
		!strings.Contains(body, fmt.Sprintf(`crm_http_admitted{kind="command"} %d`, admitted)) || !strings.Contains(body, `crm_http_waiting{kind="command"} 0`) {
		t.Errorf("%d are refused, but the metrics say\n%s", len(refused), body)
	}
	close(taken)
	done := map[string]bool{}
	for range admitted {
		r := <-answers
		if r.status != 201 {
			t.Fatalf("who was let in got %d %s", r.status, r.body)
		}
		done[r.text("id")] = true
	}
	if len(done) != admitted || len(w.events()) != admitted {
		t.Errorf("%d done, %d events", len(done), len(w.events()))
	}
	for _, i := range refused {
		if r := register(i); r.status != 201 || r.header.Get("Idempotent-Replayed") != "" {
			t.Fatalf("sent again, it is answered %d %v %s", r.status, r.header, r.body)
		}
	}
	for _, e := range w.events() {
		delete(done, strings.TrimPrefix(string(e.Stream), "customer-"))
	}
	if len(done) != 0 || len(w.events()) != sent {
		t.Errorf("%d acknowledged are not there; %d events", len(done), len(w.events()))
	}
	if strings.Contains(w.lines.String(), `"level":"ERROR"`) {
		t.Error("an overload is logged as a fault")
	}
}

// Reads wait behind the gate for reads, whichever way they are asked; commands do not.
// All that are documented are tried: of a new one somebody has to say that it does not.
func TestReadsWaitForReads(t *testing.T) {
	t.Parallel()
	memory := domaintest.NewMemory(func() time.Time { return noon })
	w := worldOn(t, memory, memory, func(cfg *crmhttp.Config) {
		cfg.ReadsAtOnce, cfg.Patience = 2, time.Millisecond
	})
	all, err := contracttest.Read([]byte(w.must(200, "GET", "/openapi.json", "").body), os.DirFS("operations"))
	if err != nil {
		t.Fatal(err)
	}
	before := []string{
		"import.successful", "import.failed", "import.undone", // take as long as their reader likes
		"projection.job.events", // asks no database
	}
	release, err := w.server.HoldReads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	refused := 0
	for name, op := range all {
		r := op.Good()
		if reads := r.Method == "GET" || strings.HasSuffix(name, ".search"); !reads || slices.Contains(before, name) {
			continue
		}
		answer, _ := w.wire(r)
		if answer.Status != 503 || answer.Slug() != "overloaded" || answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s is answered %d %.200s", name, answer.Status, answer.Body)
		}
		refused++
	}
	w.must(201, "POST", "/v1/customers", `{"kind":"person","name":"A"}`)
	w.must(200, "GET", "/health/live", "")
	if body := w.must(200, "GET", "/metrics", "").body; refused < 40 || !strings.Contains(body, fmt.Sprintf(`crm_http_overloaded_total{kind="read"} %d`, refused)) {
		t.Errorf("%d reads were refused, but the metrics say\n%s", refused, body)
	}
}

// Who follows the feed is let in like a read, and then keeps no place: reads get in
// meanwhile, and the other way round.
func TestFollowersKeepNoPlace(t *testing.T) {
	t.Parallel()
	w, _, url, _ := feeding(t, func(cfg *crmhttp.Config) { cfg.ReadsAtOnce, cfg.Patience = 1, 10*time.Second })
	var followers []*bufio.Scanner
	for range 3 {
		followers = append(followers, bufio.NewScanner(stream(t, url+"?after=end", key)))
		until(t, followers[len(followers)-1], ": events follow")
	}
	w.must(200, "GET", "/v1/events", "")
	if body := w.must(200, "GET", "/metrics", "").body; !strings.Contains(body, `crm_http_admitted{kind="read"} 0`) || !strings.Contains(body, `crm_http_overloaded_total{kind="read"} 0`) {
		t.Errorf("three follow, and the metrics say\n%s", body)
	}
	release, err := w.server.HoldReads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	w.must(201, "POST", "/v1/products", `{"name":"Vase"}`)
	for _, lines := range followers {
		until(t, lines, "data: ")
	}
}

// Clients that send slowly, or nothing, keep nobody out, and are let go.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewUnstartedServer(nil)
	server.Config = w.server.Listener()
	server.Config.ReadHeaderTimeout, server.Config.ReadTimeout = 300*time.Millisecond, 600*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	var slow sync.WaitGroup
	for i := range 300 {
		slow.Go(func() {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			text := "POST /v1/customers HTTP/1.1\r\nHost: x\r\n"
			if i%2 == 0 { // a whole head, and never the body
				text += "Authorization: Bearer " + key + "\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
			}
			_, _ = conn.Write([]byte(text))
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			answer := make([]byte, 4096)
			n, err := conn.Read(answer)
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				t.Error("a slow client is kept")
			}
			if i%2 == 0 && n > 0 && !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 408 ") {
				t.Errorf("answered %s", answer[:n])
			}
		})
	}
	for range 5 {
		request, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/v1/customers", strings.NewReader(`{"kind":"person","name":"A"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+key)
		request.Header.Set("Content-Type", "application/json")
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusCreated {
			t.Errorf("got %s", response.Status)
		}
	}
	slow.Wait()
	if len(w.events()) != 5 {
		t.Errorf("%d events", len(w.events()))
	}
}

// Where a condition is required, a change without one is refused, alone and in a
// batch; what creates or only adds needs none.
func TestAConditionIsRequired(t *testing.T) {
	t.Parallel()
	plain := newWorld(t)
	plain.company()
	w := worldOn(t, plain.log, plain.log, func(cfg *crmhttp.Config) { cfg.RequireIfMatch = true })
	path, body := "/v1/deals/"+id("deal")+"/amount", `{"amount":{"minor":1,"currency":"EUR"}}`
	if r := w.must(428, "POST", path, body, "Idempotency-Key", "k"); r.problem() != "condition-missing" {
		t.Errorf("got %s", r.body)
	}
	batch := w.must(200, "POST", "/v1/commands", `{"commands":[{"command":"deal.win","target":"`+id("deal")+`"},{"command":"deal.win","target":"`+id("deal")+`","if_match":77}]}`)
	for i, want := range []float64{428, 412} {
		if got := batch.json["results"].([]any)[i].(map[string]any)["status"]; got != want {
			t.Errorf("entry %d: %v", i, got)
		}
	}
	tag := w.must(200, "POST", path, body, "If-Match", "*", "Idempotency-Key", "k").header.Get("ETag")
	w.must(200, "POST", path, `{"amount":{"minor":2,"currency":"EUR"}}`, "If-Match", tag)
	w.must(200, "POST", path, `{"amount":{"minor":3,"currency":"EUR"},"based_on":3}`)
	w.must(201, "POST", "/v1/customers", `{"kind":"person","name":"A"}`)
	w.must(200, "POST", "/v1/customers/"+id("ada")+"/interactions", `{"channel":"call"}`)
	w.must(200, "POST", "/v1/customers/"+id("ada")+"/consents", `{"purpose":"p","channel":"email"}`)
}

// Every command on something that exists honours If-Match, and what can be changed
// has an ETag where it is read alone: generated from the document, so that what is
// new is asked as well.
func TestEveryResourceHasItsRevision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.company()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Parameters  []struct {
				Ref string `json:"$ref"`
			}
			Responses map[string]struct{ Headers map[string]any }
		}
	}
	if err := json.Unmarshal([]byte(w.must(200, "GET", "/openapi.json", "").body), &document); err != nil {
		t.Fatal(err)
	}
	changed := 0
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for method, op := range document.Paths[path] {
			takes := false
			for _, parameter := range op.Parameters {
				takes = takes || parameter.Ref == "#/components/parameters/ifMatch"
			}
			if !takes {
				continue
			}
			root, _, single := strings.Cut(path, "/{id}")
			if !single {
				continue // it creates, or is about a read model
			}
			changed++
			if read, ok := document.Paths[root+"/{id}"]["get"]; ok && read.Responses["200"].Headers["ETag"] == nil {
				t.Errorf("%s changes what GET %s/{id} gives without an ETag", op.OperationID, root)
			}
			asked := strings.NewReplacer("{id}", id("deal"), "{part}", id("line")).Replace(path)
			if r := w.send(strings.ToUpper(method), asked, `{}`, "If-Match", "nonsense"); r.status != 400 || r.pointer() != "If-Match" {
				t.Errorf("%s passes over If-Match: %d %s", op.OperationID, r.status, r.body)
			}
		}
	}
	if changed < 40 {
		t.Errorf("only %d commands take If-Match", changed)
	}
}
