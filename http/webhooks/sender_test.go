package webhooks_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"crm/domain"
	"crm/domain/webhook"
	"crm/http/webhooks"
)

// What is sent is by reference, and the official library takes its signature.
func TestAnEventIsDelivered(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t, nil)
	w.serve(webhooks.Config{}, to)
	w.began()
	w.happen() // before anybody wants to hear of it
	id, secret := w.register(to.URL + "/hooks?a=1")
	w.quiet()
	event := w.happen()
	got := to.wait(w, 1)[0]
	verifier, err := standardwebhooks.NewWebhook(secret.Plain())
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify([]byte(got.body), got.header); err != nil {
		t.Error(err)
	}
	if err := verifier.Verify([]byte(got.body+" "), got.header); err == nil {
		t.Error("another body has the same signature")
	}
	var said struct{ ID, Type, Source, Subject, Position, ActorID string }
	if err := json.Unmarshal([]byte(got.body), &said); err != nil {
		t.Fatal(err)
	}
	if said.ID != event || got.id() != event || said.Type != "product.defined" || !strings.HasPrefix(said.Subject, "product-") ||
		said.Source != "https://crm.example.com/product" || said.ActorID != "tester" || said.Position == "" {
		t.Errorf("it says %s", got.body)
	}
	if strings.Contains(got.body, canary) || len(got.body) > 20_000 || got.header.Get("Content-Type") != "application/cloudevents+json" {
		t.Errorf("%v %s", got.header, got.body)
	}
	d := w.attempted(id, event, 1)
	if a := d.Attempts[0]; d.State != webhooks.StateDelivered || a.Status != http.StatusNoContent || a.Outcome != webhooks.Delivered || a.Number != 1 || a.Took <= 0 {
		t.Errorf("%+v", d)
	}
	w.met()
	if all := w.deliveries(id, ""); len(all) != 1 {
		t.Errorf("%d deliveries, want the one", len(all))
	}
	e, err := w.book.Endpoint(t.Context(), id)
	if err != nil || e.Status != webhook.StatusActive || e.DeliveredAt.IsZero() || !e.FailingSince.IsZero() {
		t.Errorf("%+v, %v", e, err)
	}
}

// While a secret is rotated, what is sent bears both signatures; then the new one only.
func TestSecretsOverlap(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t, nil)
	w.serve(webhooks.Config{}, to)
	w.began()
	id, first := w.register(to.URL)
	second := webhooks.NewSecret()
	if err := w.book.Keep(t.Context(), id, second); err != nil {
		t.Fatal(err)
	}
	w.ask(id.UUID, webhook.RotateSecret{Secret: second.Fingerprint(), PreviousUntil: w.now().Add(time.Hour), Now: w.now()})
	w.happen()
	during := to.wait(w, 1)[0]
	w.pass(2 * time.Hour)
	w.happen()
	after := to.wait(w, 2)[1]
	for name, c := range map[string]struct {
		secret webhooks.Secret
		got    received
		want   bool
	}{
		"old, during": {first, during, true}, "new, during": {second, during, true},
		"old, after": {first, after, false}, "new, after": {second, after, true},
	} {
		verifier, err := standardwebhooks.NewWebhook(c.secret.Plain())
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.VerifyIgnoringTimestamp([]byte(c.got.body), c.got.header); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(strings.Fields(during.header.Get("Webhook-Signature"))); n != 2 {
		t.Errorf("%d signatures during the rotation", n)
	}
}

// A delivery is tried as the schedule says, and given up then.
func TestFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t, status(http.StatusInternalServerError))
	w.serve(webhooks.Config{DisableAfter: -1}, to)
	w.began()
	id, _ := w.register(to.URL)
	event := w.happen()
	for n := 1; n <= len(webhooks.Schedule); n++ {
		d := w.attempted(id, event, n)
		wait := d.DueAt.Sub(w.now())
		if least := webhooks.Schedule[n-1]; d.State != webhooks.StateDue || wait < least || wait > least+least/10+time.Microsecond {
			t.Fatalf("after attempt %d the next is due in %v, want %v and a tenth at most", n, wait, least)
		}
		w.pass(wait - time.Millisecond)
		w.quiet()
		w.met()
		if got := len(to.all()); got != n {
			t.Fatalf("%d attempts before it is due, want %d", got, n)
		}
		w.pass(time.Millisecond)
	}
	d := w.attempted(id, event, len(webhooks.Schedule)+1)
	if d.State != webhooks.StateFailed || d.DoneAt.IsZero() {
		t.Errorf("after the last attempt: %+v", d)
	}
	if ids := slices.Compact(to.ids()); len(ids) != 1 || ids[0] != event {
		t.Errorf("webhook-id changes: %v", ids)
	}
	if e, err := w.book.Endpoint(t.Context(), id); err != nil || e.Status != webhook.StatusActive || e.Failures != 10 {
		t.Errorf("%+v, %v", e, err)
	}
}

// An endpoint that asks for time gets it, within bounds.
func TestRetryAfterIsHeeded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"600": 10 * time.Minute, "999999999": 24 * time.Hour, "1": 5 * time.Second, "soon": 5 * time.Second} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			w, to := newWorld(t), newReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", text)
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			w.serve(webhooks.Config{}, to)
			w.began()
			id, _ := w.register(to.URL)
			d := w.attempted(id, w.happen(), 1)
			if wait := d.DueAt.Sub(w.now()); wait < want || wait > want+time.Second {
				t.Errorf("due in %v, want %v", wait, want)
			}
		})
	}
}

// 410 disables the endpoint, by an event that says why.
func TestGoneDisables(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.WriteHeader(http.StatusGone)
		}
	})
	w.serve(webhooks.Config{}, to)
	w.began()
	id, _ := w.register(to.URL)
	first := w.happen()
	w.until("it is disabled", func() bool {
		e, err := w.book.Endpoint(t.Context(), id)
		return err == nil && e.Status == webhook.StatusDisabled && e.Reason == webhook.Gone
	})
	e := w.last(domain.WebhookStream(id))
	if _, is := e.Event.(webhook.Disabled); !is || e.Meta.Actor != "crm" || e.Meta.CausationID != first {
		t.Errorf("the log says %+v", e)
	}
	missed := w.happen()
	w.met()
	w.ask(id.UUID, webhook.Resume{})
	w.ask(id.UUID, webhook.Replay{After: e.Position.String()})
	if got := to.wait(w, 2)[1]; got.id() != missed {
		t.Errorf("after a replay %s arrives, want %s", got.id(), missed)
	}
}

// Who has taken nothing for days is disabled when a delivery is given up.
func TestLongFailureDisables(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t, status(http.StatusBadGateway))
	w.serve(webhooks.Config{Schedule: []time.Duration{time.Hour, 72 * time.Hour}}, to)
	w.began()
	id, _ := w.register(to.URL)
	event := w.happen()
	for n := 1; n <= 2; n++ {
		d := w.attempted(id, event, n)
		w.pass(d.DueAt.Sub(w.now()))
	}
	w.until("it is disabled", func() bool {
		e, err := w.book.Endpoint(t.Context(), id)
		return err == nil && e.Status == webhook.StatusDisabled && e.Reason == webhook.Failing
	})
}

// An endpoint that was down takes all that waits when it is up again, also what would
// have been tried much later.
func TestAnEndpointComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	to := newReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n <= 6 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	w.serve(webhooks.Config{Schedule: []time.Duration{time.Minute, time.Hour, 100 * time.Hour}}, to)
	w.began()
	id, _ := w.register(to.URL)
	events := []string{w.happen(), w.happen(), w.happen()}
	for _, event := range events {
		w.attempted(id, event, 1)
	}
	w.pass(2 * time.Minute)
	for _, event := range events {
		w.attempted(id, event, 2)
	}
	w.pass(10 * time.Minute) // they are due in about an hour
	events = append(events, w.happen())
	w.until("all are delivered", func() bool { return len(w.deliveries(id, webhooks.StateDelivered)) == len(events) })
}

// One endpoint that does not answer does not hold up another.
func TestASlowEndpointIsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hold := make(chan struct{})
	slow := newReceiver(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(hold) })
	fast := newReceiver(t, nil)
	w.serve(webhooks.Config{PerEndpoint: 2}, slow, fast)
	w.began()
	w.register(slow.URL)
	w.register(fast.URL)
	var events []string
	for range 30 {
		events = append(events, w.happen())
	}
	fast.wait(w, len(events))
	if got := fast.ids(); len(got) != len(events) {
		t.Errorf("the fast one has %d of %d", len(got), len(events))
	}
	if n := len(slow.all()); n > 2 {
		t.Errorf("the slow one is asked %d times at once, want 2 at most", n)
	}
}

// What happens while an endpoint is paused waits for it.
func TestPausedWaits(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t, nil)
	w.serve(webhooks.Config{}, to)
	w.began()
	id, _ := w.register(to.URL)
	w.ask(id.UUID, webhook.Pause{})
	event := w.happen()
	w.met()
	if d := w.deliveries(id, webhooks.StateDue); len(d) != 1 || len(to.all()) != 0 {
		t.Fatalf("%d wait, %d were sent", len(d), len(to.all()))
	}
	w.ask(id.UUID, webhook.Resume{})
	if got := to.wait(w, 1)[0]; got.id() != event {
		t.Errorf("%s arrives, want %s", got.id(), event)
	}
}

// What was asked of the sender: a ping, a redelivery, a replay from a position.
func TestAsksOfTheSender(t *testing.T) {
	t.Parallel()
	w, to := newWorld(t), newReceiver(t, nil)
	before := w.happen() // before there was a reactor
	w.serve(webhooks.Config{}, to)
	w.began()
	id, _ := w.register(to.URL)
	w.ask(id.UUID, webhook.Ping{})
	ping := w.last(domain.WebhookStream(id)).ID.String()
	if got := to.wait(w, 1)[0]; got.id() != ping || !strings.Contains(got.body, `"type":"webhook.ping_requested"`) {
		t.Errorf("a ping arrives as %s %s", got.id(), got.body)
	}
	event := w.happen()
	to.wait(w, 2)
	d := w.attempted(id, event, 1)
	w.ask(id.UUID, webhook.Redeliver{Delivery: d.ID})
	if got := to.wait(w, 3)[2]; got.id() != event {
		t.Errorf("redelivered is %s, want %s", got.id(), event)
	}
	w.attempted(id, event, 2)
	w.ask(id.UUID, webhook.Replay{After: "0"})
	to.wait(w, 5)
	if got := to.ids()[3:]; !slices.Contains(got, before) || !slices.Contains(got, event) {
		t.Errorf("a replay sends %v, want %s and %s", got, before, event)
	}
	w.until("the deliveries are noted", func() bool { return len(w.deliveries(id, webhooks.StateDelivered)) == 4 })
}
