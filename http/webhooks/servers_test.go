package webhooks_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm/commands"
	"crm/domain"
	"crm/domain/webhook"
	"crm/http/webhooks"
)

// victim names the database of a sender that is to be killed.
const victim = "CRM_WEBHOOKS_VICTIM"

// TestMain lets the test binary be a sender that ends in the worst way.
func TestMain(m *testing.M) {
	dsn := os.Getenv(victim)
	if dsn == "" {
		os.Exit(m.Run())
	}
	pool, err := pgxpool.New(context.Background(), dsn)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	webhooks.NewSender(webhooks.NewBook(pool, nil), webhooks.Config{
		Private: true, Poll: 10 * time.Millisecond,
		Do: func(context.Context, commands.Ask) (domain.Receipt, error) { return domain.Receipt{}, nil },
	}).Run(context.Background())
}

// A server that is killed after it has sent and before it has written that down leaves
// the delivery to another one, under the same id.
func TestAKilledServersDeliveriesAreMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	came, hold := make(chan string, 10), make(chan struct{})
	var first atomic.Bool
	to := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		came <- r.Header.Get("Webhook-Id")
		if first.CompareAndSwap(false, true) {
			<-hold // taken, and not answered
		}
	}))
	t.Cleanup(to.Close)
	t.Cleanup(sync.OnceFunc(func() { close(hold) }))
	server := w.serve(webhooks.Config{PerEndpoint: -1}) // its reactor only: it has no room to send
	w.began()
	id, _ := w.register(to.URL)
	event := w.happen()
	w.met()

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	child := exec.CommandContext(ctx, self)
	child.Env = append(os.Environ(), victim+"="+w.pool.Config().ConnString())
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-came:
		if got != event {
			t.Errorf("%s was sent, want %s", got, event)
		}
	case <-ctx.Done():
		t.Fatal("nothing was sent")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	if d := w.deliveries(id, webhooks.StateDue); len(d) != 1 || d[0].Begun != 1 || len(d[0].Attempts) != 0 {
		t.Errorf("after the kill: %+v", d)
	}
	server.stop()
	w.serve(webhooks.Config{})
	w.pass(time.Minute) // the lease ends
	select {
	case got := <-came:
		if got != event {
			t.Errorf("%s was sent again, want %s", got, event)
		}
	case <-ctx.Done():
		t.Fatal("it was not sent again")
	}
	d := w.attempted(id, event, 1)
	if d.State != webhooks.StateDelivered || d.Begun != 2 || d.Attempts[0].Number != 2 {
		t.Errorf("%+v", d)
	}
}

// Two servers share the work, and nothing is sent twice while none of them ends.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	to := newReceiver(t, func(int, http.ResponseWriter, *http.Request) { time.Sleep(time.Millisecond) })
	one := w.serve(webhooks.Config{PerEndpoint: 2}, to)
	w.serve(webhooks.Config{PerEndpoint: 2}, to)
	w.began()
	id, _ := w.register(to.URL)
	var events []string
	for n := range 60 {
		if n == 30 {
			w.until("half is sent", func() bool { return len(to.all()) >= 10 })
			one.stop() // as a server does that is told to
		}
		events = append(events, w.happen())
	}
	w.until("all are delivered", func() bool { return len(w.deliveries(id, webhooks.StateDelivered)) == len(events) })
	got := to.ids()
	slices.Sort(got)
	slices.Sort(events)
	if !slices.Equal(slices.Compact(slices.Clone(got)), events) {
		t.Errorf("%d different of %d", len(slices.Compact(got)), len(events))
	}
	if again := len(got) - len(events); again > 2 { // those that one was at when it ended
		t.Errorf("%d were sent twice", again)
	}
}

// Neither a rebuild of read models sends anything, nor a server that begins anew, nor a
// reactor whose place in the log was lost and which meets everything again.
func TestNothingIsSentAgain(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t, nil)
	server := w.serve(webhooks.Config{}, to)
	w.began()
	id, _ := w.register(to.URL)
	var events []string
	// sent lets one more happen: when it has arrived, so has all that was due before it.
	sent := func(after string) {
		t.Helper()
		events = append(events, w.happen())
		w.until("it arrives", func() bool { return slices.Contains(to.ids(), events[len(events)-1]) })
		got := to.ids()
		slices.Sort(got)
		want := slices.Sorted(slices.Values(events))
		if !slices.Equal(got, want) {
			t.Errorf("after %s there came %v, want %v", after, got, want)
		}
		w.until("it is noted", func() bool { return len(w.deliveries(id, webhooks.StateDelivered)) == len(events) })
		if all := w.deliveries(id, ""); len(all) != len(events) {
			t.Errorf("after %s there are %d deliveries, want %d", after, len(all), len(events))
		}
	}
	for range 3 {
		sent("it happened")
	}
	if err := server.engine.Rebuilder().Rebuild(t.Context(), nil, false, nil); err != nil {
		t.Fatal(err)
	}
	if found, err := server.engine.Rebuilder().Verify(t.Context(), nil, 1, nil); err != nil || len(found) == 0 {
		t.Fatalf("%d read models, %v", len(found), err)
	}
	sent("a rebuild")
	server.stop()

	server = w.serve(webhooks.Config{}, to)
	sent("another start")
	server.stop()

	lost, err := w.pool.Exec(t.Context(), "UPDATE crm.reactors SET position_commit = 0, position_prepare = 0 WHERE name = $1", webhooks.ReactorName)
	if err != nil || lost.RowsAffected() != 1 {
		t.Fatalf("%d places, %v", lost.RowsAffected(), err)
	}
	w.serve(webhooks.Config{}, to)
	sent("the place was lost")
}

// A database that is new knows the endpoints that the log knows. Their secrets are lost,
// and what is to be sent says so until they are rotated.
func TestANewDatabaseIsFilledFromTheLog(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t, nil)
	id, removed := uuid.New(), uuid.New()
	for _, one := range []uuid.UUID{id, removed} {
		w.ask(one, webhook.Register{Details: webhook.Details{URL: to.URL}, Secret: webhooks.NewSecret().Fingerprint()})
	}
	w.ask(removed, webhook.Remove{})
	w.happen()
	w.serve(webhooks.Config{Schedule: []time.Duration{time.Second}}, to)
	w.began()
	event := w.happen()
	of := domain.WebhookID{UUID: id}
	if d := w.attempted(of, event, 1); d.Attempts[0].Outcome != webhooks.Unsigned || len(to.all()) != 0 {
		t.Errorf("%+v, %d were sent", d, len(to.all()))
	}
	all, next, err := w.book.Endpoints(t.Context(), nil, 1)
	if err != nil || next != nil || len(all) != 1 || all[0].ID != of {
		t.Errorf("%+v, %v", all, err)
	}
	secret := webhooks.NewSecret()
	if err := w.book.Keep(t.Context(), of, secret); err != nil {
		t.Fatal(err)
	}
	w.ask(id, webhook.RotateSecret{Secret: secret.Fingerprint(), PreviousUntil: w.now(), Now: w.now()})
	w.met()
	w.pass(2 * time.Second)
	if got := to.wait(w, 1)[0]; got.id() != event {
		t.Errorf("%s arrives, want %s", got.id(), event)
	}
}

// What is old goes: deliveries with their attempts, and what removed endpoints leave.
func TestWhatIsOldIsPruned(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t, nil)
	server := w.serve(webhooks.Config{}, to)
	w.began()
	old, gone := func() (domain.WebhookID, domain.WebhookID) {
		a, _ := w.register(to.URL)
		b, _ := w.register(to.URL)
		return a, b
	}()
	event := w.happen()
	w.attempted(old, event, 1)
	w.attempted(gone, event, 1)
	w.ask(gone.UUID, webhook.Remove{})
	w.met()
	server.stop()
	counts := func() (deliveries, attempts, secrets int) {
		err := w.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM crm.webhook_deliveries), (SELECT count(*) FROM crm.webhook_attempts),
			(SELECT count(*) FROM crm.webhook_secrets)`).Scan(&deliveries, &attempts, &secrets)
		if err != nil {
			t.Fatal(err)
		}
		return deliveries, attempts, secrets
	}
	w.pass(10 * 24 * time.Hour)
	w.serve(webhooks.Config{}, to)
	w.until("what the removed one had is gone", func() bool { d, a, s := counts(); return d == 1 && a == 1 && s == 1 })
	server = w.serve(webhooks.Config{Retention: 24 * time.Hour}, to)
	w.until("what is old is gone", func() bool { d, a, s := counts(); return d == 0 && a == 0 && s == 1 })
	server.stop()
}

// Analysts read read models, and nothing of this.
func TestAnalystsDoNotReadSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tables, bare, open int
	err := w.pool.QueryRow(t.Context(), `
		SELECT count(*), count(*) FILTER (WHERE obj_description(c.oid, 'pg_class') IS NULL),
		  count(*) FILTER (WHERE has_table_privilege('public', c.oid, 'SELECT'))
		FROM pg_class AS c WHERE relnamespace = 'crm'::regnamespace AND relkind = 'r' AND relname LIKE 'webhook%'`).Scan(&tables, &bare, &open)
	if err != nil || tables != 6 || bare != 0 || open != 0 {
		t.Errorf("%d tables, %d without a comment, %d that everybody reads; %v", tables, bare, open, err)
	}
}
