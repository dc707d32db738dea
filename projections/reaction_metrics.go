package projections

import "github.com/prometheus/client_golang/prometheus"

// reactionMetrics are what the engine tells Prometheus of reactors. Each has the label
// reactor.
type reactionMetrics struct {
	position, lag, lagPositions, leader, state, failures *prometheus.Desc
	reactions                                            func() []Reaction
}

func newReactionMetrics(reactions func() []Reaction) *reactionMetrics {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("crm_reactor_"+name, help, append([]string{"reactor"}, labels...), nil)
	}
	return &reactionMetrics{
		position:     describe("position", "Commit position in the log up to which the reactor has met everything."),
		lag:          describe("lag_seconds", "For how long the reactor has not met everything up to the end of the log; 0 when it has."),
		lagPositions: describe("lag_positions", "How far the end of the log is ahead, in the unit of positions: bytes on EventStoreDB, events on the embedded store."),
		leader:       describe("leader", "1 where this server runs the reactor, 0 where it stands by."),
		state:        describe("state", "1 for the state the reactor is in.", "state"),
		failures:     describe("failures_total", "How often the reactor has failed here since the start of the program; an event is tried until it succeeds."),
		reactions:    reactions,
	}
}

// Describe is for Prometheus.
func (m *reactionMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.position, m.lag, m.lagPositions, m.leader, m.state, m.failures} {
		to <- d
	}
}

// Collect is for Prometheus.
func (m *reactionMetrics) Collect(to chan<- prometheus.Metric) {
	for _, r := range m.reactions() {
		to <- prometheus.MustNewConstMetric(m.position, prometheus.GaugeValue, float64(r.Position.Commit), r.Name)
		to <- prometheus.MustNewConstMetric(m.lag, prometheus.GaugeValue, r.Lag.Seconds(), r.Name)
		to <- prometheus.MustNewConstMetric(m.lagPositions, prometheus.GaugeValue, float64(r.LagPositions), r.Name)
		to <- prometheus.MustNewConstMetric(m.leader, prometheus.GaugeValue, truth(r.Leads), r.Name)
		for _, state := range ReactionStates {
			to <- prometheus.MustNewConstMetric(m.state, prometheus.GaugeValue, truth(r.State == state), r.Name, string(state))
		}
		to <- prometheus.MustNewConstMetric(m.failures, prometheus.CounterValue, float64(r.Failures), r.Name)
	}
}
