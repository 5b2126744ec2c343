package alertmanager

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counters are the metrics of the package. Those with an Alertmanager have its URL,
// which never holds credentials.
type counters struct {
	sent     *prometheus.CounterVec   // alertmanager
	requests *prometheus.CounterVec   // alertmanager, result
	dropped  *prometheus.CounterVec   // alertmanager, reason
	duration *prometheus.HistogramVec // alertmanager
	queued   *prometheus.GaugeVec     // alertmanager
	up       *prometheus.GaugeVec     // alertmanager
	capacity prometheus.Gauge
	failed   prometheus.Gauge
	over     prometheus.Gauge
}

func newCounters(reg prometheus.Registerer, cfg *Config) (*counters, error) {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_notifications_" + name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.GaugeOpts {
		return prometheus.GaugeOpts{Name: "topologyd_notifications_" + name, Help: help}
	}
	c := &counters{
		sent:     vec("sent_total", "Alerts that an Alertmanager took, each time they are sent.", "alertmanager"),
		requests: vec("requests_total", "Requests to an Alertmanager by result: ok, refused, unauthorized, status, timeout, failed, canceled.", "alertmanager", "result"),
		dropped: vec("dropped_total", "Alerts that an Alertmanager was not told, by reason: queue_full, refused, invalid (told to none), "+
			"gone (the Alertmanager is), stopping.", "alertmanager", "reason"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "topologyd_notifications_request_duration_seconds", Help: "Duration of requests to an Alertmanager, a native histogram too.",
			Buckets:                     []float64{.002, .01, .05, .2, 1, 5, 30},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"alertmanager"}),
		queued:   prometheus.NewGaugeVec(gauge("queue_length", "Alerts that wait for an Alertmanager."), []string{"alertmanager"}),
		up:       prometheus.NewGaugeVec(gauge("alertmanager_up", "1 if the last request to an Alertmanager was answered, else 0; there is none before the first."), []string{"alertmanager"}),
		capacity: prometheus.NewGauge(gauge("queue_capacity", "Alerts that can wait for an Alertmanager.")),
		failed:   prometheus.NewGauge(gauge("config_failed", "1 if the file of Alertmanagers cannot be used as it is, else 0.")),
		over:     prometheus.NewGauge(gauge("alertmanagers_ignored", "Alertmanagers that were found over the limit.")),
	}
	c.capacity.Set(float64(cfg.Queue))
	for _, x := range []prometheus.Collector{c.sent, c.requests, c.dropped, c.duration, c.queued, c.up, c.capacity, c.failed, c.over} {
		if err := reg.Register(x); err != nil {
			return nil, fmt.Errorf("register metrics of notifications: %w", err)
		}
	}
	return c, nil
}

// forget removes an Alertmanager's metrics, but for what it was not told.
func (c *counters) forget(name string) {
	l := prometheus.Labels{"alertmanager": name}
	c.sent.Delete(l)
	c.duration.Delete(l)
	c.queued.Delete(l)
	c.up.Delete(l)
	c.requests.DeletePartialMatch(l)
}
