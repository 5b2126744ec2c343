package grpchost

import (
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/skein-net/skein/grafana-datasource/plugintest"
)

// TestCompressedAnswers: topologyd compresses what is large for who can unpack
// it. Grafana passes on to the plugin that the browser can.
func TestCompressedAnswers(t *testing.T) {
	h, _, _ := start(t)
	compressed := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Skein-Kind", "values")
		text := []byte(`["bridge","veth"]`)
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			_, _ = w.Write(text)
			return
		}
		compressed++
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(text)
		_ = z.Close()
	}))
	defer srv.Close()
	status, body, err := h.Resource(t.Context(), &plugintest.Instance{URL: srv.URL}, http.MethodGet, "types", nil)
	if err != nil {
		t.Fatal(err)
	}
	if status != http.StatusOK || string(body) != `["bridge","veth"]` {
		t.Errorf("%d %q", status, body)
	}
	if compressed == 0 {
		t.Error("nothing was compressed")
	}
}
