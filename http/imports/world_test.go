package imports_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/commands"
	"crm/domain"
	"crm/domain/deal"
	"crm/domain/domaintest"
	"crm/domain/importrun"
	crmhttp "crm/http"
	"crm/http/access"
	"crm/http/imports"
	"crm/projections"
	"crm/projections/projectionstest"
)

// TestMain has properties tried a few times: each try is whole imports over HTTP.
func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("6"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

const key = "test-key-of-at-least-thirty-two-characters"

// patience bounds what a test waits for.
const patience = 30 * time.Second

// world is a log in memory, a database, and a server over both.
type world struct {
	t      testing.TB
	log    *domaintest.Memory
	pool   *pgxpool.Pool
	server *crmhttp.Server
	url    string
	stop   func()               // the work on imports
	jobs   func() *imports.Jobs // without a sender
}

func newWorld(tb testing.TB, change ...func(*crmhttp.Config)) *world {
	tb.Helper()
	pool := projectionstest.Pool(tb)
	if err := projections.Migrate(tb.Context(), pool); err != nil {
		tb.Fatal(err)
	}
	return worldOn(tb, pool, change...)
}

// worldOn is a log of its own over a database that may have imports of others, whose
// ids are other ones.
func worldOn(tb testing.TB, pool *pgxpool.Pool, change ...func(*crmhttp.Config)) *world {
	tb.Helper()
	return worldOnLog(tb, pool, domaintest.NewMemory(time.Now), change...)
}

func worldOnLog(tb testing.TB, pool *pgxpool.Pool, log *domaintest.Memory, change ...func(*crmhttp.Config)) *world {
	tb.Helper()
	w := &world{t: tb, log: log, pool: pool}
	cfg := crmhttp.Config{
		Commands: commands.New(w.log, commands.Config{}),
		Keys: map[string]crmhttp.Key{
			"tester": {Hash: crmhttp.HashKey(key), Role: access.Admin},
		},
		Imports: imports.Config{Pool: pool, Load: w.log.Load, DealsOf: w.dealsOf},
	}
	for _, c := range change {
		c(&cfg)
	}
	w.jobs = func() *imports.Jobs {
		cfg.Imports.Commands = cfg.Commands
		return imports.New(cfg.Imports)
	}
	server, err := crmhttp.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	w.server = server
	listener := httptest.NewServer(server.Handler())
	tb.Cleanup(listener.Close)
	w.url = listener.URL
	w.run()
	return w
}

// dealsOf are the deals that ever were a customer's, as no read model is there.
func (w *world) dealsOf(_ context.Context, of domain.CustomerID, _ domain.Position) (deals []domain.DealID, _ error) {
	for _, recorded := range w.log.All(domain.Position{}) {
		id, _ := recorded.Stream.ID()
		switch e := recorded.Event.(type) {
		case deal.Opened:
			if e.Customer == of {
				deals = append(deals, domain.DealID{UUID: id})
			}
		case deal.CustomerLinked:
			if e.Customer == of {
				deals = append(deals, domain.DealID{UUID: id})
			}
		}
	}
	return deals, nil
}

// run has imports worked on until stop.
func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		w.server.Run(ctx)
	}()
	w.stop = func() {
		cancel()
		<-over
	}
	w.t.Cleanup(w.stop)
}

// try makes a request, and gives the answer whatever it is.
func (w *world) try(method, path string, body io.Reader, headers ...string) (int, string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// must makes a request with a body of JSON, which is done.
func (w *world) must(method, path string, body any) string {
	w.t.Helper()
	var from io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		from = bytes.NewReader(text)
	}
	status, text := w.try(method, path, from, "Content-Type", "application/json")
	if status >= 300 {
		w.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return text
}

// prepare makes an import with files, which are name, content, name, content, ….
func (w *world) prepare(mapping string, files ...string) string {
	w.t.Helper()
	id := uuid.NewString()
	w.must(http.MethodPost, "/v1/imports", map[string]string{"id": id, "mapping_text": mapping})
	for i := 0; i < len(files); i += 2 {
		if status, text := w.try(http.MethodPut, "/v1/imports/"+id+"/files/"+files[i], strings.NewReader(files[i+1])); status != http.StatusOK {
			w.t.Fatalf("upload of %s: %d %s", files[i], status, text)
		}
	}
	return id
}

// bring imports files to the end.
func (w *world) bring(mapping string, files ...string) imports.Import {
	w.t.Helper()
	id := w.prepare(mapping, files...)
	w.must(http.MethodPost, "/v1/imports/"+id+"/start", map[string]string{})
	found := w.wait(id)
	if found.Status != importrun.IsFinished {
		w.t.Fatalf("the import came to %+v", found)
	}
	return found
}

func (w *world) undo(id uuid.UUID) imports.Import {
	w.t.Helper()
	w.must(http.MethodPost, "/v1/imports/"+id.String()+"/undo", map[string]string{"reason": "a test"})
	return w.wait(id.String())
}

func (w *world) show(id string) imports.Import {
	w.t.Helper()
	var found imports.Import
	if err := json.Unmarshal([]byte(w.must(http.MethodGet, "/v1/imports/"+id, nil)), &found); err != nil {
		w.t.Fatal(err)
	}
	return found
}

// wait asks after an import until nothing is left to do.
func (w *world) wait(id string) imports.Import {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		switch found := w.show(id); {
		case !found.Working():
			return found
		case time.Now().After(deadline):
			w.t.Fatalf("import %s does not end: %+v", id, found)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
