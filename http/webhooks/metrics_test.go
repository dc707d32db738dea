package webhooks_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"crm/domain/webhook"
	"crm/http/webhooks"
)

// measured are the metrics of a registry, by name and value of the label, if any.
func measured(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			found[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return found
}

// One event for seven endpoints of which each fails in its own way but one: the metrics
// tell just that, and what waits and for how long.
func TestMetricsTellWhatCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good, bad, closed := newReceiver(t, nil), newReceiver(t, status(http.StatusInternalServerError)), newReceiver(t, nil)
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	registry := prometheus.NewRegistry()
	server := w.serve(webhooks.Config{
		Registerer: registry, Schedule: []time.Duration{time.Hour},
		Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("there is no name server")
		}},
	}, good, bad, closed)
	w.began()
	paused, _ := w.register(bad.URL)
	for _, url := range []string{good.URL, "https://" + plain.Listener.Addr().String(), closed.URL, "https://hooks.invalid", "http://169.254.169.254"} {
		w.register(url)
	}
	unsigned := webhook.Register{Details: webhook.Details{URL: good.URL, Categories: []string{"product"}}, Secret: webhooks.NewSecret().Fingerprint()}
	w.ask(uuid.New(), unsigned)
	w.happen()
	var got map[string]float64
	w.until("all were tried", func() bool {
		got = measured(t, registry)
		return got["crm_webhook_attempt_seconds"] >= 7
	})
	want := map[string]float64{
		"crm_webhook_attempts_total delivered": 1, "crm_webhook_attempts_total refused": 1, "crm_webhook_attempts_total untrusted": 1,
		"crm_webhook_attempts_total unreachable": 1, "crm_webhook_attempts_total unresolved": 1, "crm_webhook_attempts_total forbidden": 1,
		"crm_webhook_attempts_total unsigned": 1, "crm_webhook_attempts_total timed_out": 0, "crm_webhook_attempt_seconds": 7,
	}
	delete(got, "crm_webhook_backlog") // as it was some time ago
	delete(got, "crm_webhook_oldest_due_seconds")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	all, _, err := w.book.Endpoints(t.Context(), nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	w.ask(paused.UUID, webhook.Pause{}) // what is there for it does not wait
	w.met()
	server.stop() // and what it is at is written down
	w.pass(2 * time.Hour)
	first := w.now()
	for _, e := range all {
		for _, d := range w.deliveries(e.ID, webhooks.StateDue) {
			if e.ID != paused && d.DueAt.Before(first) {
				first = d.DueAt
			}
		}
	}
	registry = prometheus.NewRegistry()
	counts := webhooks.NewSender(w.book, webhooks.Config{Registerer: registry, Concurrency: -1}) // it has no room to send
	ctx, cancel := context.WithCancel(t.Context())
	var counting sync.WaitGroup
	counting.Go(func() { counts.Run(ctx) })
	t.Cleanup(func() { cancel(); counting.Wait() })
	w.until("what waits is counted", func() bool {
		got = measured(t, registry)
		return got["crm_webhook_oldest_due_seconds"] > 0
	})
	if backlog, oldest := got["crm_webhook_backlog"], got["crm_webhook_oldest_due_seconds"]; backlog != 5 || oldest != w.now().Sub(first).Seconds() {
		t.Errorf("%g wait, the oldest for %g s; want 5 and %g", backlog, oldest, w.now().Sub(first).Seconds())
	}
}
