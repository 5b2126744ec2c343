package servertls

import (
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of a [Server].
type metrics struct {
	reloads *prometheus.CounterVec // result
	refused *prometheus.CounterVec // reason
	bad     atomic.Bool            // the files cannot be used as they are
}

// ends shows when certificates expire.
type ends struct {
	s      *Server
	expiry *prometheus.Desc // certificate
	failed *prometheus.Desc
}

func newMetrics(s *Server, reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{reloads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_tls_reloads_total",
		Help: "Versions of the certificate and of the CAs of clients that were read after the start, by result: ok, failed."}, []string{"result"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_tls_refused_total",
			Help: "Handshakes that failed, by reason: expired, unknown_ca, certificate, none (of the client's certificate), by_client (it refused the server's), other (no TLS, or gone)."}, []string{"reason"})}
	if reg == nil {
		return m, nil
	}
	e := &ends{
		s: s,
		expiry: prometheus.NewDesc("topologyd_tls_certificate_expiry_timestamp_seconds",
			"When the certificate of the listeners expires, and the first of the CAs of clients; by certificate: server, client_ca.", []string{"certificate"}, nil),
		failed: prometheus.NewDesc("topologyd_tls_files_failed", "1 while the files of TLS cannot be used and their last good versions count, else 0.", nil, nil),
	}
	for _, c := range []prometheus.Collector{m.reloads, m.refused, e} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of TLS: %w", err)
		}
	}
	return m, nil
}

// Describe implements [prometheus.Collector].
func (e *ends) Describe(ch chan<- *prometheus.Desc) {
	ch <- e.expiry
	ch <- e.failed
}

// Collect implements [prometheus.Collector].
func (e *ends) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	failed := 0.0
	if e.s.m.bad.Load() {
		failed = 1
	}
	gauge(e.failed, failed)
	g := e.s.now.Load()
	if g == nil {
		return
	}
	gauge(e.expiry, float64(g.leaf.NotAfter.Unix()), "server")
	if g.clients == nil {
		return
	}
	first := g.clients.certs[0].NotAfter
	for _, c := range g.clients.certs {
		if c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	gauge(e.expiry, float64(first.Unix()), "client_ca")
}
