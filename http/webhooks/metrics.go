package webhooks

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the sender tells Prometheus: of all endpoints together, since their
// number is anybody's.
type metrics struct {
	attempts *prometheus.CounterVec
	took     prometheus.Histogram
	backlog  prometheus.Gauge
	oldest   prometheus.Gauge
}

func newMetrics() *metrics {
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crm_webhook_attempts_total", Help: "Attempts to deliver since the start of the program, by what came of them.",
		}, []string{"outcome"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "crm_webhook_attempt_seconds", Help: "Time that endpoints took to answer, or we to give up.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30},
		}),
		backlog: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "crm_webhook_backlog", Help: "Deliveries that wait for endpoints which are sent to, counted each 10 s by every server.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "crm_webhook_oldest_due_seconds", Help: "For how long the oldest of them is due; 0 when none is.",
		}),
	}
	for _, outcome := range outcomes {
		m.attempts.WithLabelValues(string(outcome))
	}
	return m
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.attempts, m.took, m.backlog, m.oldest}
}

func (m *metrics) attempted(a attempt) {
	m.attempts.WithLabelValues(string(a.outcome)).Inc()
	m.took.Observe(a.took.Seconds())
}

func (m *metrics) waiting(count int64, oldest time.Duration) {
	m.backlog.Set(float64(count))
	m.oldest.Set(oldest.Seconds())
}
