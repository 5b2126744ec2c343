package orders

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
)

// speaksFor tells whether who asks may follow the orders of a host, which name
// users' captures and their filters, and tell how they do. If not, it has answered.
// What the host says later in the session is of its own assignments alone, and the
// first message has to name the same host.
func (m *Manager) speaksFor(w http.ResponseWriter, r *http.Request, host string) bool {
	id := auth.From(r.Context())
	if id.SpeaksFor(host) {
		return true
	}
	m.n.drops.WithLabelValues("foreign").Inc()
	if say, before := m.foreign.next(m.now()); say {
		m.deps.Log.Warn("a collector asked for the orders of a host that it does not speak for", "identity", clean(id.Name, maxName), "method", id.Method,
			"host", clean(host, maxName), "address", r.RemoteAddr, "refused_before", before)
	}
	httpx.WriteError(w, http.StatusForbidden, &httpx.Error{Code: httpx.CodeForbidden,
		Message: fmt.Sprintf("%s does not speak for the host %q; name its host.id in the hosts of the credentials, or set the host_id of the collector", id.Name, host)})
	return false
}

// foreignEvery is how often it is told that somebody asked for orders of others: who
// does it again and again fills no log.
const foreignEvery = time.Minute

// seldom tells of something now and then.
type seldom struct {
	mu     sync.Mutex
	at     time.Time
	silent int // since then
}

// next tells whether to say so now, and how often it was not said before.
func (s *seldom) next(now time.Time) (say bool, before int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.at.IsZero() && now.Sub(s.at) < foreignEvery {
		s.silent++
		return false, 0
	}
	before, s.at, s.silent = s.silent, now, 0
	return true, before
}
