package verify

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/auth/authfile"
)

// metrics are those of a [Verifier]. How many proofs are good or refused is counted
// by who asks for them.
type metrics struct {
	reloads, fetches *prometheus.CounterVec // result
	checked          *prometheus.CounterVec // result
	bad              atomic.Bool            // the file cannot be used as it is
}

func newMetrics(v *Verifier, reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"result"})
	}
	m := &metrics{
		reloads: counter("topologyd_auth_file_reloads_total", "Versions of the file of --auth-file that were read after the start, by result: ok, failed."),
		fetches: counter("topologyd_auth_keys_fetches_total", "Times that the keys of the issuer of JWTs were asked for, by result: ok, failed."),
		checked: counter("topologyd_auth_jwts_total", "JWTs that were looked at, by result: remembered, good, or the reason of the refusal."),
	}
	if reg == nil {
		return m, nil
	}
	gauge := func(name, help string, labels prometheus.Labels, f func(s *state) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 { return f(v.state.Load()) })
	}
	const rows = "topologyd_auth_credentials"
	const rowsHelp = "Rows of the file of --auth-file, by kind: token, certificate."
	for _, c := range []prometheus.Collector{
		m.reloads, m.fetches, m.checked,
		gauge("topologyd_auth_file_failed", "1 while the file of --auth-file cannot be used and its last good version counts, else 0.", nil, func(*state) float64 {
			if m.bad.Load() {
				return 1
			}
			return 0
		}),
		gauge(rows, rowsHelp, prometheus.Labels{"kind": "token"}, func(s *state) float64 { return float64(len(s.certificatesAndTokens().Tokens)) }),
		gauge(rows, rowsHelp, prometheus.Labels{"kind": "certificate"}, func(s *state) float64 { return float64(len(s.certificatesAndTokens().Certificates)) }),
		gauge("topologyd_auth_tokens_expired", "Tokens of the file of --auth-file that are expired.", nil, func(s *state) float64 {
			n, now := 0, time.Now()
			for _, t := range s.certificatesAndTokens().Tokens {
				if !t.Expires.IsZero() && !now.Before(t.Expires) {
					n++
				}
			}
			return float64(n)
		}),
		gauge("topologyd_auth_keys", "Keys of the issuer of JWTs that are known.", nil, func(s *state) float64 {
			if s.issuer == nil {
				return 0
			}
			return float64(s.issuer.size())
		}),
		gauge("topologyd_auth_keys_fetched_timestamp_seconds", "When the keys of the issuer of JWTs were last fetched, 0: never.", nil, func(s *state) float64 {
			if s.issuer == nil {
				return 0
			}
			return s.issuer.fetched()
		}),
	} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of identities: %w", err)
		}
	}
	return m, nil
}

// certificatesAndTokens is the file, which is empty before Start.
func (s *state) certificatesAndTokens() *authfile.File {
	if s.file == nil {
		return new(authfile.File)
	}
	return s.file
}
