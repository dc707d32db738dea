package http

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// measures are what this room counts.
type measures struct {
	running  prometheus.Gauge
	duration *prometheus.HistogramVec
	fed      prometheus.Counter
	handler  http.Handler
}

func newMeasures(registry *prometheus.Registry, followers *followers) (*measures, error) {
	m := &measures{
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "crm_http_requests_running", Help: "Requests being answered now.",
		}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "crm_http_request_duration_seconds", Help: "How long requests took, by route and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route", "status"}),
		fed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "crm_feed_events_total", Help: "Events sent on the change feed, to each of its readers.",
		}),
		handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	}
	following := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "crm_feed_followers", Help: "Readers who follow the change feed now.",
	}, func() float64 { return float64(followers.count()) })
	for _, c := range []prometheus.Collector{m.running, m.duration, m.fed, following} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("http: register a metric: %w", err)
		}
	}
	return m, nil
}

func (m *measures) observe(method, route string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodOptions:
	default:
		method = "other" // callers must not make up labels
	}
	m.duration.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}
