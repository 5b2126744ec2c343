package client

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAlerts(t *testing.T) {
	const active = `{"labels":{"alertname":"Down"},"annotations":{"summary":"s"},"state":"firing","activeAt":"2026-03-01T12:00:00Z","firedAt":"2026-03-01T12:00:10Z","group":"g","subject":"id","generatorURL":"u"}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.RequestURI() {
		case "GET /api/v1/alerts/active?alertname=Down&host=web-1&limit=5&state=firing":
			io.WriteString(w, `{"alerts":[`+active+`],"more":true}`)
		case "GET /api/v1/alerts/rules":
			io.WriteString(w, `{"groups":[{"name":"g","file":"f","interval":15,"rules":[{"name":"Down","state":"firing","query":"G.V()","was":"G.V()","duration":10,"keepFiringFor":60,`+
				`"labels":{"a":"b"},"annotations":{"c":"d"},"way":"followed","alerts":1,"health":"error","lastError":"e","problems":["p"],"evaluationTime":0.5,"lastEvaluation":"2026-03-01T12:00:00Z","definition":"down"}]}],`+
				`"files":[{"path":"f","rules":1,"error":"e","failed":"2026-03-01T12:00:00Z"}]}`)
		case "POST /api/v1/alerts/check":
			if body, err := io.ReadAll(r.Body); err != nil || string(body) != `{"alert":"Down"}` || r.Header.Get("Content-Type") != "application/json" {
				t.Error(string(body), err)
			}
			io.WriteString(w, `{"way":"evaluated","why":"w","found":3,"more":true,"alerts":[`+active+`],"problems":["p"],"took_ms":1.5}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"error":{"code":"not_found","message":"`+r.URL.RequestURI()+`"}}`)
		}
	}))
	defer s.Close()
	cfg := DefaultConfig()
	cfg.Server = s.URL
	c, err := New(cfg)
	require.NoError(t, err)
	defer c.Close()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	down := Alert{Labels: map[string]string{"alertname": "Down"}, Annotations: map[string]string{"summary": "s"}, State: "firing",
		ActiveAt: noon, FiredAt: noon.Add(10 * time.Second), Group: "g", Subject: "id", GeneratorURL: "u"}

	list, err := c.ActiveAlerts(t.Context(), AlertFilter{State: "firing", Name: "Down", Host: "web-1", Limit: 5})
	require.NoError(t, err)
	require.True(t, list.More)
	require.Equal(t, []Alert{down}, list.Alerts)
	require.NotEmpty(t, list.Raw)
	_, err = c.ActiveAlerts(t.Context(), AlertFilter{})
	require.ErrorContains(t, err, "/api/v1/alerts/active")

	rules, err := c.AlertRules(t.Context())
	require.NoError(t, err)
	require.Equal(t, []AlertGroup{{Name: "g", File: "f", Interval: 15, Rules: []AlertRule{{
		Name: "Down", State: "firing", Query: "G.V()", Was: "G.V()", Duration: 10, KeepFiringFor: 60, Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"},
		Way: "followed", Alerts: 1, Health: "error", LastError: "e", Problems: []string{"p"}, EvaluationTime: 0.5, LastEvaluation: noon, Definition: "down",
	}}}}, rules.Groups)
	require.Equal(t, []RuleFile{{Path: "f", Rules: 1, Error: "e", Failed: noon}}, rules.Files)

	trial, err := c.CheckAlert(t.Context(), []byte(`{"alert":"Down"}`))
	require.NoError(t, err)
	trial.Raw = nil
	require.Equal(t, &AlertTrial{Way: "evaluated", Why: "w", Found: 3, More: true, Alerts: []Alert{down}, Problems: []string{"p"}, Took: 1.5}, trial)
}
