package answers

import (
	"github.com/prometheus/client_golang/prometheus"

	"crm/domain"
)

// counts are what a book counts.
type counts struct {
	replayed, reused, inProgress, fresh, asked, unasked, lost prometheus.Counter
}

func newCounts(registry prometheus.Registerer) (counts, error) {
	begun := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "crm_http_idempotency_keys_total", Help: "Keys that were known: replayed, reused for another request, or in progress.",
	}, []string{"outcome"})
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	c := counts{
		replayed: begun.WithLabelValues("replayed"), reused: begun.WithLabelValues("reused"), inProgress: begun.WithLabelValues("in_progress"),
		fresh:   counter("crm_http_answers_fresh_total", "Commands whose key was known to be new, so that it was not looked up."),
		asked:   counter("crm_http_answers_lookups_total", "Look-ups in the table of answers, each for all commands that waited."),
		unasked: counter("crm_http_answers_unasked_total", "Commands that were carried out without knowing whether their key was used, as the table was away."),
		lost:    counter("crm_http_answers_lost_total", "Answers that were not written to the table."),
	}
	if registry == nil {
		return c, nil
	}
	for _, collector := range []prometheus.Collector{begun, c.fresh, c.asked, c.unasked, c.lost} {
		if err := registry.Register(collector); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *counts) began(standings []Standing) {
	for _, s := range standings {
		switch {
		case s.Answer != nil:
			c.replayed.Inc()
		case s.Err == ErrInProgress: //nolint:errorlint // it is set in this package, bare
			c.inProgress.Inc()
		case s.Err == domain.ErrKeyReused: //nolint:errorlint // likewise
			c.reused.Inc()
		}
	}
}
