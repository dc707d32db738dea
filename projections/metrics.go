package projections

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the engine tells Prometheus of read models. Each has the label
// read_model.
type metrics struct {
	position, head, lag, lagPositions *prometheus.Desc
	leader, stalled, parked           *prometheus.Desc
	state, trouble, rebuild           *prometheus.Desc
	events                            *prometheus.CounterVec
	batch, commit                     *prometheus.HistogramVec
	statuses                          func() []Status
}

func newMetrics(statuses func() []Status) *metrics {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("crm_projection_"+name, help, append([]string{"read_model"}, labels...), nil)
	}
	label := []string{"read_model"}
	return &metrics{
		position: describe("position", "Commit position in the log up to which the read model holds everything."),
		head:     describe("head_position", "Commit position of the last event in the log, asked each second; absent where nobody says."),
		lag:      describe("lag_seconds", "For how long the read model has not held everything up to the end of the log; 0 when it does."),
		lagPositions: describe("lag_positions",
			"How far the end of the log is ahead, in the unit of positions: bytes on EventStoreDB, events on the embedded store."),
		leader:  describe("leader", "1 where this server writes the read model, 0 where it stands by or is stopped."),
		parked:  describe("parked_streams", "Streams that the read model leaves out since one of their events could not be applied."),
		stalled: describe("stalled", "1 while the read model stands still although the log goes on."),
		state:   describe("state", "1 for the state the read model is in.", "state"),
		trouble: describe("trouble", "1 with the class of what keeps the read model from going on; absent when nothing does.", "class"),
		rebuild: describe("rebuild_done_ratio", "What part of the log the build holds that is to be read next; absent while there is none."),
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
	to <- m.head
	to <- m.lag
	to <- m.lagPositions
	to <- m.leader
	to <- m.stalled
	to <- m.parked
	to <- m.state
	to <- m.trouble
	to <- m.rebuild
	m.events.Describe(to)
	m.batch.Describe(to)
	m.commit.Describe(to)
}

// Collect is for Prometheus.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	for _, s := range m.statuses() {
		to <- prometheus.MustNewConstMetric(m.position, prometheus.GaugeValue, float64(s.Position.Commit), s.Name)
		if !s.Head.IsZero() {
			to <- prometheus.MustNewConstMetric(m.head, prometheus.GaugeValue, float64(s.Head.Commit), s.Name)
		}
		to <- prometheus.MustNewConstMetric(m.lag, prometheus.GaugeValue, s.Lag.Seconds(), s.Name)
		to <- prometheus.MustNewConstMetric(m.lagPositions, prometheus.GaugeValue, float64(s.LagPositions), s.Name)
		to <- prometheus.MustNewConstMetric(m.leader, prometheus.GaugeValue, truth(s.Leads), s.Name)
		to <- prometheus.MustNewConstMetric(m.stalled, prometheus.GaugeValue, truth(s.Stalled), s.Name)
		to <- prometheus.MustNewConstMetric(m.parked, prometheus.GaugeValue, float64(s.Parked), s.Name)
		for _, state := range States {
			to <- prometheus.MustNewConstMetric(m.state, prometheus.GaugeValue, truth(s.State == state), s.Name, string(state))
		}
		if s.Class != "" {
			to <- prometheus.MustNewConstMetric(m.trouble, prometheus.GaugeValue, 1, s.Name, string(s.Class))
		}
		if s.Rebuild != nil && s.Rebuild.Done != nil {
			to <- prometheus.MustNewConstMetric(m.rebuild, prometheus.GaugeValue, *s.Rebuild.Done, s.Name)
		}
	}
	m.events.Collect(to)
	m.batch.Collect(to)
	m.commit.Collect(to)
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
