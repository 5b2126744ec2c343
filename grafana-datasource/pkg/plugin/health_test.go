package plugin

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/skein-net/skein/grafana-datasource/internal/fakedaemon"
)

func health(t *testing.T, d *Datasource) (*backend.CheckHealthResult, healthDetails) {
	t.Helper()
	h, err := d.CheckHealth(t.Context(), &backend.CheckHealthRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var details healthDetails
	if len(h.JSONDetails) > 0 {
		if err := json.Unmarshal(h.JSONDetails, &details); err != nil {
			t.Fatal(err)
		}
	}
	return h, details
}

func TestHealthy(t *testing.T) {
	f := fakedaemon.New(t)
	h, details := health(t, open(t, f.URL, nil))
	if h.Status != backend.HealthStatusOk || h.Message != "topologyd devel answers: 10 nodes, 12 edges, revision 23." {
		t.Errorf("%v %s", h.Status, h.Message)
	}
	if !details.Past || !details.Flows || details.Oldest == nil || len(details.Warnings) != 0 {
		t.Errorf("%+v", details)
	}
}

// TestHealthWarnings checks what works, but not as people may expect.
func TestHealthWarnings(t *testing.T) {
	f := fakedaemon.New(t)
	f.Special(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if r.URL.Path != "/api/v1/status" {
			return false
		}
		writeJSON(w, 200, map[string]any{"version": "1.2", "started": "2026-03-01T12:00:00Z"})
		return true
	})
	f.Fail("/api/v1/flows/top", 501, `{"error":{"code":"unsupported","message":"this daemon keeps no flows; start it without --flows=false"}}`)
	h, details := health(t, open(t, f.URL, nil))
	if h.Status != backend.HealthStatusOk || len(details.Warnings) != 3 || details.Flows || details.Past {
		t.Fatalf("%v %s %+v", h.Status, h.Message, details)
	}
	for i, want := range []string{"keeps no past", "graph is empty", "keeps no flows: start it without --flows=false"} {
		if !strings.Contains(details.Warnings[i], want) || !strings.Contains(h.Message, want) {
			t.Errorf("warning %q, want %q", details.Warnings[i], want)
		}
	}
	if !inTheClear("http://topologyd:4280") || inTheClear("https://topologyd:4280") || inTheClear("http://127.0.0.1:4280") || inTheClear("http://localhost:1") {
		t.Error("what is in the clear is not told")
	}
}

func TestHealthNotReady(t *testing.T) {
	f := fakedaemon.New(t)
	f.Fail("/-/ready", 503, "not ready: reading the event log\n")
	h, _ := health(t, open(t, f.URL, nil))
	if h.Status != backend.HealthStatusError || !strings.Contains(h.Message, "reading the event log") || !strings.Contains(h.Message, "wait and try again") {
		t.Errorf("%v %s", h.Status, h.Message)
	}
	f = fakedaemon.New(t)
	f.Fail("/api/v1/steps", 404, `{"error":{"code":"not_found","message":"no endpoint /api/v1/steps"}}`)
	if h, _ := health(t, open(t, f.URL, nil)); h.Status != backend.HealthStatusError || !strings.Contains(h.Message, "topologyd devel is too old") {
		t.Errorf("%v %s", h.Status, h.Message)
	}
	f = fakedaemon.New(t)
	f.Fail("/api/v1/status", 200, `{"anything":1}`)
	if h, _ := health(t, open(t, f.URL, nil)); h.Status != backend.HealthStatusError || !strings.Contains(h.Message, "no topologyd") {
		t.Errorf("%v %s", h.Status, h.Message)
	}
}
