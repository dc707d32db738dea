package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"crm/eventstore/embedded"
)

// nodeMetrics shows the embedded event store's figures to Prometheus.
type nodeMetrics struct{ node *embedded.Node }

var (
	nodePosition      = prometheus.NewDesc("crm_node_position", "Position of the last durable event.", nil, nil)
	nodeAppended      = prometheus.NewDesc("crm_node_events_appended_total", "Events appended since the start.", nil, nil)
	nodeGroups        = prometheus.NewDesc("crm_node_groups_total", "Batches written since the start; events per batch is the mean group size.", nil, nil)
	nodeSyncs         = prometheus.NewDesc("crm_node_syncs_total", "Syncs of the log file since the start.", nil, nil)
	nodeSyncSeconds   = prometheus.NewDesc("crm_node_sync_seconds_total", "Time spent in syncs of the log file.", nil, nil)
	nodeQueued        = prometheus.NewDesc("crm_node_queued", "Appends that wait for the writer.", nil, nil)
	nodeSubscriptions = prometheus.NewDesc("crm_node_subscriptions", "Open subscriptions.", nil, nil)
	nodeDisk          = prometheus.NewDesc("crm_node_disk_bytes", "Disk used by the event store.", nil, nil)
	nodeFull          = prometheus.NewDesc("crm_node_disk_full", "1 while a write waits for space on the disk.", nil, nil)
)

// Describe is part of prometheus.Collector.
func (m nodeMetrics) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, to) }

// Collect is part of prometheus.Collector.
func (m nodeMetrics) Collect(to chan<- prometheus.Metric) {
	stats := m.node.Stats()
	full := 0.0
	if stats.DiskFull {
		full = 1
	}
	for _, sample := range []struct {
		desc  *prometheus.Desc
		kind  prometheus.ValueType
		value float64
	}{
		{nodePosition, prometheus.GaugeValue, float64(stats.Position)},
		{nodeAppended, prometheus.CounterValue, float64(stats.Appended)},
		{nodeGroups, prometheus.CounterValue, float64(stats.Groups)},
		{nodeSyncs, prometheus.CounterValue, float64(stats.Syncs)},
		{nodeSyncSeconds, prometheus.CounterValue, stats.SyncTime.Seconds()},
		{nodeQueued, prometheus.GaugeValue, float64(stats.Queued)},
		{nodeSubscriptions, prometheus.GaugeValue, float64(stats.Subscriptions)},
		{nodeDisk, prometheus.GaugeValue, float64(stats.DiskBytes)},
		{nodeFull, prometheus.GaugeValue, full},
	} {
		to <- prometheus.MustNewConstMetric(sample.desc, sample.kind, sample.value)
	}
}
