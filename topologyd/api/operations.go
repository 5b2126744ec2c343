package api

import (
	_ "embed" // the OpenAPI document
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/skein-net/skein/topologyd/api/httpx"
)

//go:embed openapi.yaml
var openapi []byte

// OpenAPI returns the OpenAPI document. The caller must not change it.
func OpenAPI() []byte { return openapi }

func (a *API) openapi(w http.ResponseWriter, r *http.Request) {
	_ = a.compress.WriteBody(w, r, http.StatusOK, "application/yaml", openapi, a.cfg.WriteTimeout)
}

// metrics serves the metrics of the daemon in Prometheus' formats.
func (a *API) metrics() http.HandlerFunc {
	h := promhttp.HandlerFor(a.deps.Gatherer, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
		EnableOpenMetrics:   true,
	})
	return h.ServeHTTP
}

// healthy answers as long as the process serves requests at all.
func (a *API) healthy(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "healthy\n") }

// ready answers 200 when queries and writes are served.
func (a *API) ready(w http.ResponseWriter, _ *http.Request) {
	if err := a.deps.Ready(); err != nil {
		w.Header().Set("Retry-After", "1")
		text(w, http.StatusServiceUnavailable, "not ready: "+err.Error()+"\n")
		return
	}
	text(w, http.StatusOK, "ready\n")
}

// index is the page that names the endpoints.
func (a *API) index(all []httpx.Route) http.HandlerFunc {
	var b strings.Builder
	fmt.Fprintf(&b, "topologyd %s: the live topology of the network, as a graph.\n\n", a.deps.Version)
	b.WriteString("Ask:\n  curl -s 'http://HOST/api/v1/query' -d '{\"gremlin\":\"G.V().Limit(3)\"}'\n\nEndpoints:\n")
	lines := make([]string, 0, len(all))
	for _, r := range all {
		lines = append(lines, fmt.Sprintf("  %-5s %s\n", r.Method, strings.TrimSuffix(r.Path, "{$}")))
	}
	slices.SortStableFunc(lines, func(x, y string) int { return strings.Compare(x[8:], y[8:]) })
	b.WriteString(strings.Join(lines, ""))
	page := b.String()
	return func(w http.ResponseWriter, r *http.Request) {
		text(w, http.StatusOK, strings.Replace(page, "HOST", r.Host, 1))
	}
}

func text(w http.ResponseWriter, code int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(s))
}
