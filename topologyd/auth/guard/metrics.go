package guard

import "github.com/prometheus/client_golang/prometheus"

// Results of requests.
const (
	resultPublic    = "public"
	resultOK        = "ok"
	resultUnknown   = "unauthenticated"
	resultForbidden = "forbidden"
	resultLimited   = "limited"
)

// counters are the metrics of the package.
type counters struct {
	requests *prometheus.CounterVec // result
	refused  *prometheus.CounterVec // reason
	ended    prometheus.Counter
	// strangers counts connections that were closed because nobody proved anything.
	strangers prometheus.Counter
	// The two that nearly every request counts.
	ok, public prometheus.Counter
}

func newCounters(reg prometheus.Registerer, g *Guard) (*counters, error) {
	c := &counters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_auth_requests_total",
			Help: "Requests over HTTP and gRPC by what the guard said: ok, public (nobody was asked), unauthenticated, forbidden, limited."}, []string{"result"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_auth_refused_total",
			Help: "Requests that were refused by reason: none (no credentials), expired, unknown and the other faults of credentials; role, rate, failures, in_hand, origin, host."}, []string{"reason"}),
		ended: prometheus.NewCounter(prometheus.CounterOpts{Name: "topologyd_auth_ended_total",
			Help: "Connections and streams that were ended because the credentials that opened them do not hold any more."}),
	}
	c.strangers = prometheus.NewCounter(prometheus.CounterOpts{Name: "topologyd_auth_connections_closed_total",
		Help: "Connections that were closed because nobody had proved on them who he is, and there were too many of those."})
	strangers := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "topologyd_auth_connections_unproved",
		Help: "Connections on which nobody has proved who he is."}, func() float64 { return float64(g.strangers.count()) })
	lasting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "topologyd_auth_open",
		Help: "Requests that are being answered and end when their credentials do not hold any more."}, func() float64 { return float64(g.lasting.count()) })
	clients := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "topologyd_auth_clients",
		Help: "Clients whose requests are counted for their rate."}, func() float64 { return float64(g.rates.Stats().Clients) })
	forgotten := prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "topologyd_auth_clients_forgotten_total",
		Help: "Clients and addresses whose rate was forgotten because there are too many."},
		func() float64 { return float64(g.rates.Stats().Forgotten + g.failures.Stats().Forgotten) })
	for _, m := range []prometheus.Collector{c.requests, c.refused, c.ended, c.strangers, strangers, lasting, clients, forgotten} {
		if err := reg.Register(m); err != nil {
			return nil, err
		}
	}
	c.ok, c.public = c.requests.WithLabelValues(resultOK), c.requests.WithLabelValues(resultPublic)
	for _, reason := range []string{reasonNone, reasonExpired, reasonRole, reasonRate, reasonFailures, reasonInHand, reasonOrigin, reasonHost} {
		c.refused.WithLabelValues(reason) // an alert on a rate needs a zero to begin with
	}
	return c, nil
}
