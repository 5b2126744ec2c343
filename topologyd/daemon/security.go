package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/url"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/auth/guard"
	"github.com/skein-net/skein/topologyd/auth/servertls"
	"github.com/skein-net/skein/topologyd/auth/verify"
	"github.com/skein-net/skein/topologyd/config"
)

// security is who may ask the daemon.
type security struct {
	guard    *guard.Guard
	verifier *verify.Verifier  // nil: nobody is asked who he is
	tls      *servertls.Server // nil: no TLS
}

// newSecurity makes it without starting anything.
func newSecurity(c *config.Config, written guard.Auditor, log *slog.Logger, reg prometheus.Registerer) (s security, err error) {
	log = log.With("part", "auth")
	deps := guard.Deps{Audit: written, TLS: c.Security.TLSCert != "", Log: log, Registerer: reg}
	proofs := verify.Deps{Log: log, Metrics: reg}
	if deps.TLS {
		t := servertls.DefaultConfig()
		t.CertFile, t.KeyFile = c.Security.TLSCert, c.Security.TLSKey
		t.ClientCAFile, t.ClientRequired = c.Security.TLSClientCA, c.Security.TLSClientRequired
		if s.tls, err = servertls.New(t, log, reg); err != nil {
			return s, fmt.Errorf("--tls-cert: %w", err)
		}
		if t.ClientCAFile != "" {
			proofs.Chains = s.tls
		}
	}
	if c.Security.AuthFile != "" {
		v := verify.DefaultConfig()
		v.File, v.FailureRate = c.Security.AuthFile, c.Security.FailureRate
		if s.verifier, err = verify.New(v, proofs); err != nil {
			return s, fmt.Errorf("--auth-file: %w", err)
		}
		deps.Identify, deps.Explain = s.verifier, fault
	}
	g := guard.DefaultConfig()
	g.RequestRate, g.RequestBurst, g.FailureRate = c.Security.RequestRate, c.Security.RequestBurst, c.Security.FailureRate
	g.Reports, g.MaxBody, g.ReportBytes = max(4, c.Ingest.Queue/4), int64(c.Ingest.MaxBody), 2*int64(c.Ingest.MaxBody)
	g.Open = max(16, c.Watch.MaxSubscribers/2)
	g.Names = ownNames(c)
	s.guard, err = guard.New(g, deps)
	return s, err
}

// config is the configuration of the listeners, nil without TLS.
func (s *security) config() *tls.Config {
	if s.tls == nil {
		return nil
	}
	return s.tls.Config()
}

// errorLog is where the server of HTTP tells of connections that came to nothing.
func (s *security) errorLog(to slog.Handler) *log.Logger {
	if s.tls == nil {
		return slog.NewLogLogger(to, slog.LevelDebug)
	}
	return s.tls.ErrorLog(to)
}

// refused is told of handshakes over gRPC that failed; nil without TLS.
func (s *security) refused() func(remote, why string) {
	if s.tls == nil {
		return nil
	}
	return s.tls.Refused
}

// fault says what an error of the verifier is.
func fault(err error) guard.Fault {
	var invalid *verify.InvalidError
	if errors.As(err, &invalid) {
		return guard.Fault{Reason: invalid.Reason, RetryAfter: invalid.RetryAfter}
	}
	return guard.Fault{}
}

// ownNames are the names by which this daemon may be addressed.
func ownNames(c *config.Config) (names []string) {
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	if u, err := url.Parse(c.Alerts.ExternalURL); err == nil && u.Hostname() != "" {
		names = append(names, u.Hostname())
	}
	return names
}

// openDoor starts what stands before everything that is served, before anything is.
// After an error none of it runs.
func (d *Daemon) openDoor(ctx context.Context) error {
	if t := d.security.tls; t != nil {
		if err := t.Start(ctx); err != nil {
			return fmt.Errorf("--tls-cert: %w", err)
		}
	}
	if v := d.security.verifier; v != nil {
		if err := v.Start(ctx); err != nil {
			if d.security.tls != nil {
				d.security.tls.Stop()
			}
			return fmt.Errorf("--auth-file: %w", err)
		}
	}
	d.security.guard.Start()
	return nil
}

// closeDoor stops it, when nothing is served any more.
func (d *Daemon) closeDoor() {
	d.security.guard.Stop()
	if v := d.security.verifier; v != nil {
		v.Stop()
	}
	if t := d.security.tls; t != nil {
		t.Stop()
	}
}

// mayListen says why the daemon does not serve at an address, and warns of what it
// does serve.
func (d *Daemon) mayListen(flag, at string, l net.Listener) error {
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok || a.IP.IsLoopback() {
		return nil
	}
	s := &d.cfg.Security
	switch {
	case s.AuthFile == "" && !s.WithoutAuthentication:
		return fmt.Errorf("--%s: %s is reached from other hosts, and nobody would be asked who he is: give --auth-file with who may do what "+
			"(docs/security.md), or listen on 127.0.0.1; --listen-beyond-loopback-without-authentication allows everybody everything", flag, at)
	case s.AuthFile == "":
		d.log.Warn("listening beyond loopback without authentication: who reaches this address can read and write the graph", "address", a.String())
	case s.TLSCert == "":
		d.log.Warn("listening beyond loopback without TLS: who is on the way reads tokens and answers; give --tls-cert and --tls-key, or have a proxy do it",
			"address", a.String())
	}
	return nil
}
