package projections

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the engine tells Prometheus. Each has the label read_model.
type metrics struct {
	position, lag, state, trouble *prometheus.Desc
	events                        *prometheus.CounterVec
	batch, commit                 *prometheus.HistogramVec
	statuses                      func() []Status
}

func newMetrics(statuses func() []Status) *metrics {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("crm_projection_"+name, help, append([]string{"read_model"}, labels...), nil)
	}
	label := []string{"read_model"}
	return &metrics{
		position: describe("position", "Commit position in the log up to which the read model holds everything."),
		lag:      describe("lag_seconds", "How long the oldest event at hand has been waiting; 0 when there is none."),
		state:    describe("state", "1 for the state the read model is in.", "state"),
		trouble:  describe("trouble", "1 with the class of what keeps the read model from going on; absent when nothing does.", "class"),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "crm_projection_events_total", Help: "Events applied since the start of the program.",
		}, label),
		batch: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "crm_projection_batch_events", Help: "Events per transaction.",
			Buckets: []float64{0, 1, 10, 50, 200, 1000, 5000, 20_000},
		}, label),
		commit: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "crm_projection_commit_seconds", Help: "Time to apply a batch and commit it.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}, label),
		statuses: statuses,
	}
}

// committed counts one transaction.
func (m *metrics) committed(model string, events int64, took time.Duration) {
	m.events.WithLabelValues(model).Add(float64(events))
	m.batch.WithLabelValues(model).Observe(float64(events))
	m.commit.WithLabelValues(model).Observe(took.Seconds())
}

// Describe is for Prometheus.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.position
	to <- m.lag
	to <- m.state
	to <- m.trouble
	m.events.Describe(to)
	m.batch.Describe(to)
	m.commit.Describe(to)
}

// Collect is for Prometheus.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	for _, s := range m.statuses() {
		to <- prometheus.MustNewConstMetric(m.position, prometheus.GaugeValue, float64(s.Position.Commit), s.Name)
		to <- prometheus.MustNewConstMetric(m.lag, prometheus.GaugeValue, s.Lag.Seconds(), s.Name)
		for _, state := range States {
			is := 0.0
			if s.State == state {
				is = 1
			}
			to <- prometheus.MustNewConstMetric(m.state, prometheus.GaugeValue, is, s.Name, string(state))
		}
		if s.Class != "" {
			to <- prometheus.MustNewConstMetric(m.trouble, prometheus.GaugeValue, 1, s.Name, string(s.Class))
		}
	}
	m.events.Collect(to)
	m.batch.Collect(to)
	m.commit.Collect(to)
}
