package main

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"crm/eventstore/embedded"
)

// nodeMetrics shows the embedded event store's figures to Prometheus.
type nodeMetrics struct{ node *embedded.Node }

var (
	nodePosition      = prometheus.NewDesc("crm_node_position", "Position of the last durable event.", nil, nil)
	nodeAppended      = prometheus.NewDesc("crm_node_events_appended_total", "Events appended since the start.", nil, nil)
	nodeFloor         = prometheus.NewDesc("crm_node_floor_position", "Position of the durable floor: nothing up to there can be lost unnoticed.", nil, nil)
	nodeGroups        = prometheus.NewDesc("crm_node_group_events", "Events written together and synced at once.", nil, nil)
	nodeSyncs         = prometheus.NewDesc("crm_node_sync_seconds", "Time that a sync of the log file took.", nil, nil)
	nodeQueued        = prometheus.NewDesc("crm_node_queued", "Appends that wait for the writer.", nil, nil)
	nodeSubscriptions = prometheus.NewDesc("crm_node_subscriptions", "Open subscriptions.", nil, nil)
	nodeBehind        = prometheus.NewDesc("crm_node_subscription_behind_events", "Events of the log that an open subscription has still to pass. Numbers are used again.", []string{"subscription", "to"}, nil)
	nodeBehindSeconds = prometheus.NewDesc("crm_node_subscription_behind_seconds", "How long the first of them has been in the log.", []string{"subscription", "to"}, nil)
	nodeDisk          = prometheus.NewDesc("crm_node_disk_bytes", "Disk used by the event store.", nil, nil)
	nodeFull          = prometheus.NewDesc("crm_node_disk_full", "1 while a write waits for space on the disk.", nil, nil)
	nodeStalled       = prometheus.NewDesc("crm_node_disk_stalled", "1 while the disk does not answer.", nil, nil)
)

// Describe is part of prometheus.Collector.
func (m nodeMetrics) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, to) }

// Collect is part of prometheus.Collector.
func (m nodeMetrics) Collect(to chan<- prometheus.Metric) {
	stats := m.node.Stats()
	is := map[bool]float64{true: 1}
	for _, sample := range []struct {
		desc  *prometheus.Desc
		kind  prometheus.ValueType
		value float64
	}{
		{nodePosition, prometheus.GaugeValue, float64(stats.Position)},
		{nodeFloor, prometheus.GaugeValue, float64(stats.Floor)},
		{nodeAppended, prometheus.CounterValue, float64(stats.Appended)},
		{nodeQueued, prometheus.GaugeValue, float64(stats.Queued)},
		{nodeSubscriptions, prometheus.GaugeValue, float64(len(stats.Subscriptions))},
		{nodeDisk, prometheus.GaugeValue, float64(stats.DiskBytes)},
		{nodeFull, prometheus.GaugeValue, is[stats.DiskFull]},
		{nodeStalled, prometheus.GaugeValue, is[stats.DiskStalled]},
	} {
		to <- prometheus.MustNewConstMetric(sample.desc, sample.kind, sample.value)
	}
	to <- prometheus.MustNewConstHistogram(nodeGroups, stats.Groups.Count, stats.Groups.Sum, stats.Groups.Buckets)
	to <- prometheus.MustNewConstHistogram(nodeSyncs, stats.Syncs.Count, stats.Syncs.Sum, stats.Syncs.Buckets)
	for _, sub := range stats.Subscriptions {
		number := strconv.Itoa(sub.Number)
		to <- prometheus.MustNewConstMetric(nodeBehind, prometheus.GaugeValue, float64(sub.Behind), number, sub.To)
		to <- prometheus.MustNewConstMetric(nodeBehindSeconds, prometheus.GaugeValue, sub.Age.Seconds(), number, sub.To)
	}
}
