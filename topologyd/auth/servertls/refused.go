package servertls

import (
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Reasons for which a handshake failed. The first four are worth telling: a client
// that belongs here is shut out.
const (
	refusedExpired   = "expired"     // the client's certificate is, or is not valid yet
	refusedAuthority = "unknown_ca"  // it is of a CA that is not trusted
	refusedCert      = "certificate" // it is no good otherwise
	refusedNone      = "none"        // it showed none, and has to
	refusedByClient  = "by_client"   // the client takes the server's certificate for no good
	refusedOther     = "other"       // no TLS, no version in common, or the client went away
)

// refusedEvery is how often refusals are told.
const refusedEvery = time.Minute

// refusals are what was told of failed handshakes.
type refusals struct {
	mu     sync.Mutex
	at     time.Time
	silent int // since then
}

// Refused notes that a handshake with somebody failed: it is counted, and that a
// client's certificate was refused is told once a minute. It may be called
// concurrently.
func (s *Server) Refused(remote, why string) {
	reason := refusedFor(why)
	s.m.refused.WithLabelValues(reason).Inc()
	if reason == refusedOther || reason == refusedByClient {
		return // whoever scans for ports makes many of these; the client tells of the other
	}
	now := time.Now()
	s.refusals.mu.Lock()
	defer s.refusals.mu.Unlock()
	if !s.refusals.at.IsZero() && now.Sub(s.refusals.at) < refusedEvery {
		s.refusals.silent++
		return
	}
	before := s.refusals.silent
	s.refusals.at, s.refusals.silent = now, 0
	s.tell(slog.LevelWarn, "a client was refused by its certificate", "address", remote, "reason", reason, "error", short(why), "refused_before", before)
}

// refusedFor tells the reason from the text of an error of crypto/tls: of what
// net/http logs there is nothing else.
func refusedFor(why string) string {
	has := func(s string) bool { return strings.Contains(why, s) }
	switch {
	case has("remote error: "):
		return refusedByClient
	case has("didn't provide a certificate"):
		return refusedNone
	case !has("failed to verify certificate"):
		return refusedOther
	case has("has expired or is not yet valid"):
		return refusedExpired
	case has("signed by unknown authority"):
		return refusedAuthority
	default:
		return refusedCert
	}
}

// short bounds an error, which repeats names of the client's certificate.
func short(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// handshakeError is how net/http begins what it logs of one.
const handshakeError = "http: TLS handshake error from "

// ErrorLog returns a log for a [net/http.Server] that tells [Server.Refused] of
// handshakes that failed, and hands everything on.
func (s *Server) ErrorLog(to slog.Handler) *log.Logger {
	return log.New(&errorLog{s, slog.NewLogLogger(to, slog.LevelDebug)}, "", 0)
}

type errorLog struct {
	s  *Server
	to *log.Logger
}

// Write takes one message.
func (l *errorLog) Write(b []byte) (int, error) {
	text := strings.TrimSuffix(string(b), "\n")
	if rest, ok := strings.CutPrefix(text, handshakeError); ok {
		if remote, why, ok := strings.Cut(rest, ": "); ok {
			l.s.Refused(remote, why)
		}
	}
	l.to.Print(text)
	return len(b), nil
}
