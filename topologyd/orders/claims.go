package orders

import (
	"fmt"
	"net/http"

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
	m.deps.Log.Warn("a collector asked for the orders of a host that it does not speak for", "identity", clean(id.Name, maxName), "method", id.Method,
		"host", clean(host, maxName), "address", r.RemoteAddr)
	httpx.WriteError(w, http.StatusForbidden, &httpx.Error{Code: httpx.CodeForbidden,
		Message: fmt.Sprintf("%s does not speak for the host %q; name its host.id in the hosts of the credentials, or set the host_id of the collector", id.Name, host)})
	return false
}
