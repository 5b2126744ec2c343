package servertls

import (
	"bytes"
	"context"
	"crypto/x509"
	"log/slog"
	"os"
	"slices"
	"time"
)

// run follows the files.
func (s *Server) run(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.Reload)
	defer ticker.Stop()
	var problem string    // as it was told
	var unfit time.Time   // since when the files do not fit together
	var unfitError string // and why
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		if s.files.Read(now) {
			g, err := s.load()
			switch {
			case err == nil:
				s.use(g, problem != "")
				problem, unfit = "", time.Time{}
			case unfit.IsZero():
				unfit = now
				fallthrough
			default:
				unfitError = err.Error()
			}
		}
		if !unfit.IsZero() && now.Sub(unfit) >= s.cfg.Grace && unfitError != problem {
			problem = unfitError
			s.m.reloads.WithLabelValues("failed").Inc()
			s.tell(slog.LevelError, "files of TLS do not fit together; those of before stay in use", "error", problem)
		}
		s.m.bad.Store(problem != "" || s.unreadable())
		s.tellEnd(now)
	}
}

// unreadable tells whether a file cannot be read as it is.
func (s *Server) unreadable() bool {
	for _, f := range s.files.List() {
		if f.Problem != "" {
			return true
		}
	}
	return false
}

// use takes a generation into use, if it is another one.
func (s *Server) use(g *generation, again bool) {
	old := s.now.Load()
	sameCA := old.clients == nil || old.clients.equal(g.clients)
	// Those between the certificate and its CA may be others while it is the same.
	sameChain := slices.EqualFunc(old.conf.Certificates[0].Certificate, g.conf.Certificates[0].Certificate, bytes.Equal)
	if sameCA && sameChain && !again {
		return
	}
	s.now.Store(g)
	s.m.reloads.WithLabelValues("ok").Inc()
	s.tell(slog.LevelInfo, "certificate was read again", "file", s.cfg.CertFile, "expires", g.leaf.NotAfter)
	if !sameCA {
		s.tell(slog.LevelInfo, "other CAs of clients are trusted", "file", s.cfg.ClientCAFile, "CAs", len(g.clients.certs))
		s.mu.Lock()
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
	}
}

// near is how long before its end a certificate is told to expire: a fifth of its
// life, and no more than two weeks.
func near(c *x509.Certificate) time.Duration {
	return min(c.NotAfter.Sub(c.NotBefore)/5, 14*24*time.Hour)
}

// tellEnd tells once that the certificate will expire soon, and once that it has.
func (s *Server) tellEnd(now time.Time) {
	g := s.now.Load()
	switch left := g.leaf.NotAfter.Sub(now); {
	case left <= 0 && g.told < 2:
		g.told = 2
		s.tell(slog.LevelError, "certificate is expired; clients refuse it until there is another one", "file", s.cfg.CertFile, "expires", g.leaf.NotAfter)
	case left < near(g.leaf) && g.told < 1:
		g.told = 1
		s.tell(slog.LevelWarn, "certificate expires soon; replace it", "file", s.cfg.CertFile, "expires", g.leaf.NotAfter)
	}
}

// tellKey tells when others can read the key.
func (s *Server) tellKey() {
	if info, err := os.Stat(s.cfg.KeyFile); err == nil && info.Mode()&0o004 != 0 {
		s.tell(slog.LevelWarn, "key can be read by everybody on this host; take that right away (chmod o-r)", "file", s.cfg.KeyFile)
	}
}
