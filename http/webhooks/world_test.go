package webhooks_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/commands"
	"crm/domain"
	"crm/domain/domaintest"
	"crm/domain/pipeline"
	"crm/domain/product"
	"crm/domain/webhook"
	"crm/http/webhooks"
	"crm/projections"
	"crm/projections/projectionstest"
)

// patience bounds what a test waits for.
const patience = 30 * time.Second

// world is a log in memory, a database, and a clock that stands until it is moved.
type world struct {
	t        *testing.T
	log      *domaintest.Memory
	pool     *pgxpool.Pool
	book     *webhooks.Book
	commands *commands.Handler
	at       atomic.Int64 // microseconds
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, pool: projectionstest.Pool(t)}
	w.at.Store(time.Now().UnixMicro())
	w.log = domaintest.NewMemory(w.now)
	w.commands = commands.New(w.log, commands.Config{})
	w.book = webhooks.NewBook(w.pool, w.now)
	if err := projections.Migrate(t.Context(), w.pool); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) now() time.Time { return time.UnixMicro(w.at.Load()).UTC() }

func (w *world) pass(d time.Duration) { w.at.Add(d.Microseconds()) }

// ask carries out a command and gives the position of what it left.
func (w *world) ask(target uuid.UUID, c domain.Command) domain.Position {
	w.t.Helper()
	receipt, err := w.commands.Do(w.t.Context(), commands.Ask{Target: target, Command: c, Meta: domain.Meta{
		OccurredAt: w.now(), Actor: "tester", Reason: canary, Command: domain.CommandRef{ID: uuid.New()},
	}})
	if err != nil {
		w.t.Fatalf("%s: %v", c.CommandName(), err)
	}
	return receipt.Position
}

// canary is what may not leave the program.
const canary = "canary-7c1f"

// happen leaves an event of the catalog, and gives its id.
func (w *world) happen() string {
	w.t.Helper()
	target := uuid.New()
	w.ask(target, product.Define{Details: product.Details{Name: canary}})
	return w.last(domain.ProductStream(domain.ProductID{UUID: target})).ID.String()
}

// quiet leaves an event that no endpoint of the tests wants to hear of.
func (w *world) quiet() {
	w.t.Helper()
	w.ask(uuid.New(), pipeline.Define{Name: strings.Repeat("p", 3), Stages: []pipeline.Stage{{ID: "a", Name: "A", Category: domain.Omitted}}})
}

func (w *world) last(stream domain.Stream) domain.Recorded {
	w.t.Helper()
	all, err := w.log.Load(w.t.Context(), stream, domain.NoStream)
	if err != nil || len(all) == 0 {
		w.t.Fatalf("%s holds %d events, %v", stream, len(all), err)
	}
	return all[len(all)-1]
}

// register makes an endpoint that wants to hear of products.
func (w *world) register(url string, wants ...string) (domain.WebhookID, webhooks.Secret) {
	w.t.Helper()
	if wants == nil {
		wants = []string{"product"}
	}
	id, secret := domain.WebhookID{UUID: uuid.New()}, webhooks.NewSecret()
	if err := w.book.Keep(w.t.Context(), id, secret); err != nil {
		w.t.Fatal(err)
	}
	w.ask(id.UUID, webhook.Register{Details: webhook.Details{URL: url, Categories: wants}, Secret: secret.Fingerprint()})
	return id, secret
}

// feed hands out the log in memory, in batches of seven at most.
func (w *world) feed(ctx context.Context, after domain.Position) (domain.Batch, error) {
	events, err := w.log.Next(ctx, after)
	if err != nil {
		return domain.Batch{}, err
	}
	events = events[:min(len(events), 7)]
	return domain.Batch{After: after, Events: events, Through: events[len(events)-1].Position}, nil
}

// Log is the log as the sender looks back into it.
func (w *world) Log() webhooks.Log {
	return webhooks.Log{
		Subscribe: projectionstest.Feed(w.feed).Subscribe, BatchOf: projectionstest.BatchOf, Load: w.log.Load,
		Head: func(context.Context) (domain.Position, time.Time, error) {
			all := w.log.All(domain.Position{})
			if len(all) == 0 {
				return domain.Position{}, w.now(), nil
			}
			return all[len(all)-1].Position, w.now(), nil
		},
	}
}

// server is a server's part in it: a reactor, and a sender of which each is told to look.
type server struct {
	engine *projections.Engine
	sender *webhooks.Sender
	stop   func()
}

// serve starts a server that trusts the receivers.
func (w *world) serve(cfg webhooks.Config, trusted ...*receiver) *server {
	w.t.Helper()
	cfg.Do, cfg.Log, cfg.Private = w.commands.Do, w.Log(), true
	if cfg.Poll == 0 {
		cfg.Poll = 10 * time.Millisecond
	}
	cfg.Roots = x509.NewCertPool()
	for _, r := range trusted {
		cfg.Roots.AddCert(r.Certificate())
	}
	s := &server{sender: webhooks.NewSender(w.book, cfg)}
	reactor := webhooks.NewReactor(w.book, cfg.Log, "https://crm.example.com", s.sender.Wake, cfg.Slog)
	s.engine = projections.NewEngine(w.pool, projections.Config{
		Subscribe: projectionstest.Feed(w.feed).Subscribe, BatchOf: projectionstest.BatchOf, Head: cfg.Log.Head, Reactors: []projections.Reactor{reactor},
	}, idle{})
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.engine.Run(ctx); err != nil {
			w.t.Errorf("engine: %v", err)
		}
	})
	running.Go(func() { s.sender.Run(ctx) })
	s.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	w.t.Cleanup(s.stop)
	return s
}

// idle is a read model that never has anything to do: an engine has one at least.
type idle struct{}

func (idle) Name() string      { return "idle" }
func (idle) Version() int      { return 1 }
func (idle) Handles() []string { return nil }
func (idle) Schema() projections.Schema {
	return projections.ParseSchema("CREATE TABLE nothing (id int);")
}

func (idle) Apply(*projections.Writer, domain.Recorded) error { return nil }

// began waits until a server leads the reactor: what happens before is not its business.
func (w *world) began() {
	w.t.Helper()
	w.until("the reactor begins", func() bool {
		var began bool
		err := w.pool.QueryRow(w.t.Context(), "SELECT EXISTS (SELECT FROM crm.reactors WHERE leader <> '')").Scan(&began)
		return err == nil && began
	})
}

// met waits until the reactor has met everything.
func (w *world) met() {
	w.t.Helper()
	head, _, _ := w.Log().Head(w.t.Context())
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := w.book.WaitFor(ctx, head); err != nil {
		w.t.Fatalf("the reactor does not come to %s: %v", head, err)
	}
}

func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("not so after %v: %s", patience, what)
		}
	}
}

// deliveries are those of an endpoint, newest first.
func (w *world) deliveries(of domain.WebhookID, in webhooks.State) []webhooks.Delivery {
	w.t.Helper()
	all, _, err := w.book.Deliveries(w.t.Context(), of, in, nil, 200)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// attempted waits for a delivery with so many noted attempts.
func (w *world) attempted(of domain.WebhookID, eventID string, attempts int) webhooks.Delivery {
	w.t.Helper()
	var found webhooks.Delivery
	w.until(fmt.Sprintf("%d attempts of %s", attempts, eventID), func() bool {
		for _, d := range w.deliveries(of, "") {
			if d.EventID.String() == eventID && len(d.Attempts) >= attempts {
				found = d
				return true
			}
		}
		return false
	})
	return found
}

// received is one request as a receiver has it.
type received struct {
	header http.Header
	body   string
}

func (r received) id() string { return r.header.Get("Webhook-Id") }

// receiver is an endpoint of another program.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []received
	// answer answers the n-th request, from 1; nil: 204.
	answer func(n int, w http.ResponseWriter, r *http.Request)
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	at := &receiver{answer: answer}
	at.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		at.mu.Lock()
		at.got = append(at.got, received{r.Header.Clone(), string(body)})
		n := len(at.got)
		at.mu.Unlock()
		if at.answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		at.answer(n, w, r)
	}))
	t.Cleanup(at.Close)
	return at
}

func status(code int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) ids() []string {
	var ids []string
	for _, one := range r.all() {
		ids = append(ids, one.id())
	}
	return ids
}

// wait waits for so many requests.
func (r *receiver) wait(w *world, n int) []received {
	w.t.Helper()
	w.until(fmt.Sprintf("%d requests", n), func() bool { return len(r.all()) >= n })
	return r.all()
}
