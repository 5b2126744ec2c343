package eventlog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// natsLogger passes the server's messages on, whose notices are details to us,
// and remembers errors.
type natsLogger struct {
	log    *slog.Logger
	failed chan struct{} // holds something after an error

	mu          sync.Mutex
	last, cause string
}

func (n *natsLogger) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last, n.cause = "", ""
}

// reason returns the error from which the others follow, or what is given when
// there was none.
func (n *natsLogger) reason(otherwise string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.cause != "":
		return n.cause
	case n.last != "":
		return n.last
	}
	return otherwise
}

func (n *natsLogger) note(text string) {
	n.mu.Lock()
	n.last = text
	if n.cause == "" && strings.Contains(strings.ToLower(text), "write error") {
		n.cause = text
	}
	n.mu.Unlock()
	select {
	case n.failed <- struct{}{}:
	default:
	}
}

func (n *natsLogger) Noticef(format string, v ...any) { n.log.Debug(fmt.Sprintf(format, v...)) }

func (n *natsLogger) Warnf(format string, v ...any) {
	text, level := fmt.Sprintf(format, v...), slog.LevelWarn
	for _, detail := range []string{"Plaintext passwords", "Healthcheck failed", "Metalayer blocking snapshot"} {
		if strings.HasPrefix(text, detail) {
			level = slog.LevelDebug // we made the password, and asked for the health
		}
	}
	n.log.Log(context.Background(), level, text)
}

func (n *natsLogger) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if strings.Contains(text, "connect to route") { // a daemon that does not run (yet)
		n.log.Warn(text)
		return
	}
	n.log.Error(text)
	n.note(text)
}

func (n *natsLogger) Fatalf(format string, v ...any) { n.Errorf(format, v...) }
func (n *natsLogger) Debugf(string, ...any)          {}
func (n *natsLogger) Tracef(string, ...any)          {}
